"""What watching costs: the same training in short stretches, watched and not, in turns within one process.

    python benchmarks/watch.py [--seconds 20] [--memory]

Prints, for each network, the processor time of a step without watching, and how much more it is with it, over
stretches that follow one another: the machine's mood is the same for both. Before that the training is watched for
some seconds, since its first steps are looked at more closely than the share of time allows later; what those cost is
told apart. With --memory, what 100,000 watched steps add to the memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import torch
from torch import nn

from ravine.watch.watcher import Watcher

STRETCH = 0.15  # seconds
BEFORE = 1500  # steps


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
    stretch(step, 20)
    once = stretch(step, 20)
    steps = max(2, int(STRETCH / once))
    watcher = Watcher(quiet=True).start()
    started = process_time()
    while watcher.steps < BEFORE and process_time() - started < seconds / 2:
        step()
    beginning = process_time() - started - watcher.steps * once
    watcher.pause()
    bare, watched = [], []
    started = perf_counter()
    while perf_counter() - started < seconds:
        bare.append(stretch(step, steps))
        watcher.go_on()
        step()  # the first after a pause is another: caches are cold
        watched.append(stretch(step, steps))
        watcher.pause()
    watcher.go_on()
    watcher.stop()
    ratios = [one / other for one, other in zip(watched, bare, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"{name}: {statistics.median(bare) * 1e6:,.0f} µs a step; watched {100 * (sum(watched) / sum(bare) - 1):+.1f}% "
        f"in all, {100 * (middle - 1):+.1f}% in the median stretch ({100 * (low - 1):+.1f}% to "
        f"{100 * (high - 1):+.1f}% its quartiles, {len(ratios)} pairs of {steps} steps); the beginning took "
        f"{beginning:.2f} s more"
    )


def memory() -> None:
    """Print what 100,000 watched steps add to what this process holds."""
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    inputs = torch.randn(8, 4)
    watcher = Watcher(quiet=True).start()
    before = 0
    for n in range(100_000):
        optimizer.zero_grad()
        model(inputs).pow(2).mean().backward()
        optimizer.step()
        if n == 5_000:
            before = _held()
    added = _held() - before
    watcher.stop()
    print(f"memory: {added / 2**20:+.1f} MiB from step 5,000 to step 100,000, {len(watcher.history)} rows")


def _held() -> int:
    """Bytes of memory that this process holds, on Linux."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    if given.memory:
        memory()
        return
    measure("MLP of ten thousand parameters", mlp(), given.seconds)
    measure("convolutional net", convnet(), given.seconds)


if __name__ == "__main__":
    main()
