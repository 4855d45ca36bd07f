"""What watching costs: the same training in short stretches, watched and not, in turns within one process.

    python benchmarks/watch.py [--seconds 20]

Prints, for each network, the median time of a step without and with watching, and their ratio, over stretches that
follow one another: the machine's mood is the same for both. The first second of watching, in which every step is looked
at closely, is told on its own line.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from time import perf_counter, process_time

import torch
from torch import nn

from ravine.watch.watcher import Watcher

STRETCH = 0.15  # seconds


def mlp() -> Callable[[], None]:
    """Ten thousand parameters, batches of 64, Adam."""
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 32), nn.ReLU(), nn.Linear(32, 10))
    return _loop(model, torch.randn(1024, 64), 64)


def convnet() -> Callable[[], None]:
    """Two convolutions on pictures of Fashion-MNIST's shape, batches of 64, Adam."""
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    return _loop(model, torch.randn(1024, 1, 28, 28), 64)


def _loop(model: nn.Module, inputs: torch.Tensor, size: int) -> Callable[[], None]:
    targets = torch.randint(10, (len(inputs),))
    batches = list(zip(inputs.split(size), targets.split(size), strict=True))
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = nn.CrossEntropyLoss()
    place = 0

    def step() -> None:
        nonlocal place
        x, y = batches[place % len(batches)]
        place += 1
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()

    return step


def stretch(step: Callable[[], None], steps: int) -> float:
    """Seconds of processor time a step, over so many: other programs on the machine do not count."""
    started = process_time()
    for _ in range(steps):
        step()
    return (process_time() - started) / steps


def measure(name: str, step: Callable[[], None], seconds: float) -> None:
    """Print what watching costs this training."""
    once = stretch(step, 20) and stretch(step, 20)
    steps = max(2, int(STRETCH / once))
    watcher = Watcher(quiet=True).start()
    began = perf_counter()
    while perf_counter() - began < 1:
        step()
    first = watcher.steps
    watcher.pause()
    ratios, bare = [], []
    began = perf_counter()
    while perf_counter() - began < seconds:
        without = stretch(step, steps)
        watcher.go_on()
        step()  # finds the modules again
        ratios.append(stretch(step, steps) / without)
        watcher.pause()
        bare.append(without)
    watcher.go_on()
    watcher.stop()
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"{name}: {statistics.median(bare) * 1e6:,.0f} µs a step; watched {100 * (middle - 1):+.1f}% "
        f"(quartiles {100 * (low - 1):+.1f}% to {100 * (high - 1):+.1f}%, {len(ratios)} pairs of {steps} steps); "
        f"in the first second {first} steps, {100 * (1 / (first * statistics.median(bare)) - 1):+.0f}%"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each network")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    measure("MLP of ten thousand parameters", mlp(), given.seconds)
    measure("convolutional net", convnet(), given.seconds)


if __name__ == "__main__":
    main()
