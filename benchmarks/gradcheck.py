"""Time of a full gradient check: every coordinate of networks of about ten thousand parameters.

Run it with `python benchmarks/gradcheck.py [--rounds 3] [--threads 2]`. Networks are checked in turn, round after
round, in one process; medians are told, of the time on the clock and of the processor's. "one by one" is the same
check without vectorized evaluation, on the first network, so that its gain shows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from ravine.optim.gradcheck import GradCheck, gradcheck
from ravine.optim.gradcheck.problem import Problem


class Product(Function):
    """A right custom function, which vmap cannot vectorize."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        """Shapes (batch, inputs) and (outputs, inputs) to (batch, outputs)."""
        ctx.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        """From shape (batch, outputs) to those of the inputs."""
        x, w = ctx.saved_tensors
        return g @ w, g.T @ x


class WrongProduct(Product):
    """The same with twice the gradient of its weight."""

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        """From shape (batch, outputs) to those of the inputs."""
        x, w = ctx.saved_tensors
        return g @ w, 2 * g.T @ x


class Custom(nn.Module):
    """A layer of one of the two."""

    def __init__(self, function: type[Function], inputs: int, outputs: int) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (batch, inputs) to (batch, outputs)."""
        return self.function.apply(x, self.weight)


class Reader(nn.Module):
    """A GRU and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(16, 48, batch_first=True), nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (batch, steps, 16) to (batch, 10)."""
        return self.head(self.gru(x)[0][:, -1])


def perceptron(middle: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(64, 100), nn.ReLU(), middle, nn.ReLU(), nn.Linear(30, 10))


def networks() -> dict[str, tuple[nn.Module, Tensor]]:
    rows = torch.randn(32, 64)
    images = torch.randn(8, 1, 12, 12)
    conv = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.MaxPool2d(4), nn.Flatten(),
        nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    return {
        "perceptron": (perceptron(nn.Linear(100, 30)), rows),
        "convolutions, batch norm": (conv, images),
        "GRU over 12 steps": (Reader(), torch.randn(16, 12, 16)),
        "custom Function": (perceptron(Custom(Product, 100, 30)), rows),
        "custom Function, wrong": (perceptron(Custom(WrongProduct, 100, 30)), rows),
    }


@contextmanager
def one_by_one() -> Iterator[None]:
    """Without vectorized evaluation."""
    kept = Problem._vectorized
    Problem._vectorized = lambda *_: None
    try:
        yield
    finally:
        Problem._vectorized = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    loss = nn.CrossEntropyLoss()
    known = networks()

    def check(name: str) -> GradCheck:
        model, x = known[name]
        return gradcheck(model, loss, (x, torch.arange(len(x)) % 10), samples=None)

    runs: dict[str, Callable[[], GradCheck]] = {name: lambda name=name: check(name) for name in known}

    def alone() -> GradCheck:
        with one_by_one():
            return check("perceptron")

    runs["perceptron, one by one"] = alone
    check("perceptron")  # torch imports what vmap needs at its first use
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    found: dict[str, GradCheck] = {}
    for _ in range(asked.rounds):
        for name, run in runs.items():
            begun, worked = time.perf_counter(), time.process_time()
            found[name] = run()
            times[name].append((time.perf_counter() - begun, time.process_time() - worked))
    print(f"{'network':<26}{'parameters':>12}{'evaluations':>13}{'kinks':>7}{'seconds':>9}{'processor':>11}  outcome")
    for name, result in found.items():
        size = sum(p.numel() for p in known[name.partition(", one by one")[0]][0].parameters())
        kinks = sum(row.kinks for row in result.rows)
        outcome = "right" if result.passed else f"wrong: {result.culprit and result.culprit.name}"
        seconds, worked = (statistics.median(column) for column in zip(*times[name], strict=True))
        print(f"{name:<26}{size:>12,}{result.evaluations:>13,}{kinks:>7,}{seconds:>9.2f}{worked:>11.2f}  {outcome}")


if __name__ == "__main__":
    main()
