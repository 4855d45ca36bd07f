"""What normalizing costs: decorrelated and ghost batch norm beside torch's batch norm, forward and backward.

    python benchmarks/regularize_norm.py [--rounds 15] [--threads 2] [--only conv]

All layers are run in turn, round after round, in one process; the ratio to batch norm is taken
within the round, and its median over rounds is what counts. Decorrelated norm is to stay below 4 at
groups of 16 channels on feature maps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ravine.regularize import make_norm

SHAPES = {
    "conv 64 x 28 x 28": (64, 64, 28, 28),
    "conv 128 x 28 x 28": (128, 64, 28, 28),
    "conv late, 256 x 7 x 7": (128, 256, 7, 7),
    "conv last, 512 x 4 x 4": (128, 512, 4, 4),
    "dense 256": (256, 256),
}
YARDSTICK = "torch batch norm"


def layers(channels: int, dims: int) -> dict[str, nn.Module]:
    """What is compared, for so many channels."""
    dims = max(dims, 1)
    return {
        YARDSTICK: make_norm("batch", channels, dims),
        "decorrelated, newton-schulz": make_norm(
            "decorrelated", channels, dims, groups=channels // 16, method="newton-schulz"
        ),
        "decorrelated, eigen": make_norm("decorrelated", channels, dims, groups=channels // 16, method="eigen"),
        "ghost of 32 rows": make_norm("ghost", channels, dims, size=32),
    }


def steps(shape: tuple[int, ...]) -> dict[str, Callable[[], None]]:
    """One forward and backward of each layer, its input among what gets a gradient."""
    x, slope = torch.randn(shape, requires_grad=True), torch.randn(shape)

    def step(layer: nn.Module) -> None:
        x.grad = None
        out: Tensor = layer(x)
        out.backward(slope)

    made = layers(shape[1], len(shape) - 2)
    return {name: lambda layer=layer: step(layer) for name, layer in made.items()}


def interleaved(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each run, round by round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) * 1e3)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a name of a shape")
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    print(f"float32, {given.threads} threads, torch {torch.__version__}")
    for title, shape in SHAPES.items():
        if given.only not in title:
            continue
        runs = steps(shape)
        interleaved(runs, 2)  # the first calls allocate
        times = interleaved(runs, given.rounds)
        print(f"\n{title + ', batch ' + str(shape[0]):34}{'ms':>9}{'of batch norm':>15}")
        for name, values in times.items():
            ratio = statistics.median(a / b for a, b in zip(values, times[YARDSTICK], strict=True))
            print(f"  {name:32}{statistics.median(values):9.2f}{ratio:15.2f}")


if __name__ == "__main__":
    main()
