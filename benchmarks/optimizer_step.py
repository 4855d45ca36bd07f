"""Time of one optimizer step over ResNet-50's 159 tensors (trainable 161 less the classifier's two; 25.6M with them).

Run it with `python benchmarks/optimizer_step.py [--small] [--rounds 15] [--threads 2] [--only adamw,lion]`.
All candidates of a rule are stepped in turn, round after round, in one process, so that whatever
else the machine does hits them alike; medians are compared. GB/s is the least that the rule must
move (parameter, gradient, every state slot read; parameter and slots written) over the time.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

import ravine.optim as ours


def resnet50_shapes() -> list[tuple[int, ...]]:
    """Shapes of the parameters of torchvision's ResNet-50, in order; 161 tensors, 25,557,032 elements."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    channels = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            out = 4 * width
            for shape in ((width, channels, 1, 1), (width, width, 3, 3), (out, width, 1, 1)):
                shapes += [shape, (shape[0],), (shape[0],)]
            if block == 0:
                shapes += [(out, channels, 1, 1), (out,), (out,)]
            channels = out
    return [*shapes, (1000, 2048), (1000,)]


SMALL = [(100, 64), (100,), (32, 100), (32,), (10, 32), (10,)]

TORCH = {
    "sgd": ("SGD", {"lr": 1e-3, "momentum": 0.9}, True),
    "adam": ("Adam", {}, True),
    "adamw": ("AdamW", {}, True),
    "adagrad": ("Adagrad", {}, True),
    "rmsprop": ("RMSprop", {}, False),
    "nadam": ("NAdam", {}, False),
    "radam": ("RAdam", {}, False),
}
OTHERS = {"diffgrad": "DiffGrad", "adabelief": "AdaBelief", "lion": "Lion", "radam": "RAdam", "lamb": "Lamb"}
ARGUMENTS = {"sgd": {"lr": 1e-3, "momentum": 0.9}}
YARDSTICK = "torch Adam fused"


def parameters(shapes: list[tuple[int, ...]]) -> list[torch.nn.Parameter]:
    """Fresh parameters with gradients."""
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for p in params:
        p.grad = torch.randn_like(p)
    return params


def candidates(rule: str, shapes: list[tuple[int, ...]], engines: list[str]) -> dict[str, Any]:
    """The optimizers to compare for one rule, each over parameters of its own."""
    made = ours.OPTIMIZERS[rule]
    found: dict[str, Any] = {
        f"ravine {engine}": made(parameters(shapes), engine=engine, **ARGUMENTS.get(rule, {})) for engine in engines
    }
    if rule in TORCH:
        name, arguments, has_fused = TORCH[rule]
        torch_class = getattr(torch.optim, name)
        found["torch default"] = torch_class(parameters(shapes), **arguments)
        found["torch foreach"] = torch_class(parameters(shapes), foreach=True, **arguments)
        if has_fused:
            found["torch fused"] = torch_class(parameters(shapes), fused=True, **arguments)
    if rule in OTHERS:
        with contextlib.suppress(ImportError):
            other = importlib.import_module("pytorch_optimizer")
            found["pytorch_optimizer"] = getattr(other, OTHERS[rule])(parameters(shapes))
    return found


def slots_of(optimizer: Any) -> int:
    """State tensors per parameter."""
    record = next(iter(optimizer.state.values()), {})
    return sum(isinstance(value, torch.Tensor) and value.ndim > 0 for value in record.values())


def interleaved(steps: dict[str, Callable[[], Any]], rounds: int, repeat: int) -> dict[str, float]:
    """Median milliseconds of each step."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(repeat):
                step()
            times[name].append((time.perf_counter() - start) / repeat * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", action="store_true", help="a net of ten thousand parameters instead")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="rules, with commas")
    parser.add_argument("--engines", default="auto", help="auto, eager, compiled, with commas")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    shapes = SMALL if given.small else resnet50_shapes()
    elements = sum(torch.Size(shape).numel() for shape in shapes)
    print(
        f"{len(shapes)} tensors, {elements:,} parameters, float32, {given.threads} threads, torch {torch.__version__}"
    )
    rules = [rule for rule in given.only.split(",") if rule] or [name for name in ours.OPTIMIZERS if name != "muon"]
    repeat = 100 if given.small else 1
    for rule in rules:
        optimizers = candidates(rule, shapes, given.engines.split(","))
        optimizers[YARDSTICK] = torch.optim.Adam(parameters(shapes), fused=True)
        first = {}
        for name, optimizer in optimizers.items():
            start = time.perf_counter()
            optimizer.step()
            first[name] = time.perf_counter() - start
            optimizer.step()
        medians = interleaved({name: o.step for name, o in optimizers.items()}, given.rounds, repeat)
        rate = {name: (3 + 2 * slots_of(optimizers[name])) * 4 * elements / medians[name] / 1e6 for name in optimizers}
        print(f"\n{rule:28}{'ms':>9}{'GB/s':>8}{'of fused Adam':>15}{'times ours':>12}{'first step s':>14}")
        ours_ms = medians[f"ravine {given.engines.split(',')[0]}"]
        for name, ms in medians.items():
            share = rate[name] / rate[YARDSTICK]
            print(f"  {name:26}{ms:9.3f}{rate[name]:8.1f}{share:15.2f}{ms / ours_ms:12.2f}{first[name]:14.2f}")


if __name__ == "__main__":
    main()
