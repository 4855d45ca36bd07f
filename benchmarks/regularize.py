"""What regularization costs in time: techniques beside torch's own, as ratios in one run.

    python benchmarks/regularize.py [--rounds 15] [--threads 2]

Three parts: masks (here), normalizations (`regularize_norm.py`) and augmentation (`regularize_augment.py`). All
candidates of a comparison take turns, round after round, in one process; the ratio is taken within the round, and its
median over rounds is what counts. Dropout is compared with torch's; DropConnect with the plain layer and one mask of
its weights drawn by torch.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

import regularize_augment
import regularize_norm
from ravine.regularize import DropConnect, Dropout, apply

SIZES = ((64, 256), (128, 1024), (32, 1024))  # rows, units


def dropout_steps(rows: int, units: int) -> dict[str, Callable[[], None]]:
    """A training step's forward and backward of a linear layer and dropout behind it."""
    x = torch.randn(rows, units)
    theirs = nn.Sequential(nn.Linear(units, units), nn.ReLU(), nn.Dropout(0.5))
    ours = nn.Sequential(nn.Linear(units, units), nn.ReLU(), Dropout(0.5))
    return {"torch dropout": lambda: pass_through(theirs, x), "ravine dropout": lambda: pass_through(ours, x)}


def dropconnect_steps(rows: int, units: int) -> dict[str, Callable[[], None]]:
    """The same of a linear layer whose weights are dropped."""
    x = torch.randn(rows, units)
    plain, dropped = nn.Sequential(nn.Linear(units, units)), nn.Sequential(nn.Linear(units, units))
    apply(dropped, DropConnect(0.5), where=nn.Linear)
    mask = torch.empty(units, units)

    def plain_and_mask() -> None:
        mask.bernoulli_(0.5)
        pass_through(plain, x)

    return {"plain and one mask": plain_and_mask, "ravine dropconnect": lambda: pass_through(dropped, x)}


def pass_through(model: nn.Module, x: torch.Tensor) -> None:
    """Forward and backward, gradients left for the next to overwrite."""
    model.zero_grad(set_to_none=True)
    model(x).sum().backward()


def compare(title: str, steps: dict[str, Callable[[], None]], rounds: int, repeat: int = 10) -> None:
    """Time both in turn and print milliseconds and the ratio to the first."""
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(repeat):
                step()
            times[name].append((time.perf_counter() - start) / repeat * 1e3)
    first = next(iter(times.values()))
    print(f"\n{title}")
    for name, mine in times.items():
        ratio = statistics.median(a / b for a, b in zip(mine, first, strict=True))
        print(f"  {name:24}{statistics.median(mine):9.3f} ms{ratio:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    for rows, units in SIZES:
        compare(f"dropout, {rows} rows of {units}", dropout_steps(rows, units), given.rounds)
        compare(f"dropconnect, {rows} rows of {units}", dropconnect_steps(rows, units), given.rounds)
    sys.argv = [sys.argv[0], "--rounds", str(given.rounds), "--threads", str(given.threads)]
    for part in (regularize_norm, regularize_augment):
        print()
        part.main()


if __name__ == "__main__":
    main()
