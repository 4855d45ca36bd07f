"""Functions on which minimizers are compared, with their customary starts and their lowest values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor


class Function(NamedTuple):
    """A function of a float64 vector."""

    name: str
    of: Callable[[Tensor], Tensor]
    start: tuple[float, ...]
    lowest: float | None  # where it is known

    def first(self) -> Tensor:
        return torch.tensor(self.start, dtype=torch.float64, requires_grad=True)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def beale(p):
    x, y = p
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def booth(p):
    x, y = p
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def himmelblau(p):
    x, y = p
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def styblinski_tang(x):
    return 0.5 * (x**4 - 16 * x**2 + 5 * x).sum()


def _conditioned(size):
    generator = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=generator))
    return q * torch.logspace(0, 4, size, dtype=torch.float64) @ q.T


_HESSIAN = _conditioned(20)


def quadratic(x):
    return 0.5 * x @ _HESSIAN @ x - x.sum()


def powell(p):
    a, b, c, d = p
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def wood(p):
    a, b, c, d = p
    near = 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)
    return 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2 + near


def dixon_price(x):
    place = torch.arange(2, len(x) + 1, dtype=x.dtype)
    return (x[0] - 1) ** 2 + (place * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum()


def goldstein_price(p):
    x, y = p
    one = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    two = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return one * two


def helical_valley(p):
    x, y, z = p
    turn = torch.atan2(y, x) / (2 * torch.pi)
    return 100 * ((z - 10 * turn) ** 2 + ((x**2 + y**2).sqrt() - 1) ** 2) + z**2


def _cancer():
    table, classes = load_breast_cancer(return_X_y=True)
    table = torch.tensor((table - table.mean(0)) / table.std(0))
    return torch.cat([table, torch.ones(len(table), 1)], 1), torch.tensor(classes, dtype=torch.float64)


_TABLE, _CLASSES = _cancer()


def logistic(w):
    scores = _TABLE @ w
    return torch.nn.functional.binary_cross_entropy_with_logits(scores, _CLASSES) + 0.5e-3 * (w * w).sum()


FUNCTIONS = (
    Function("rosenbrock-2", rosenbrock, (-1.2, 1.0), 0.0),
    Function("rosenbrock-10", rosenbrock, (-1.2, 1.0) * 5, None),  # two minima: 0, and 3.99 near (-1, 1, …)
    Function("beale", beale, (1.0, 1.0), 0.0),
    Function("booth", booth, (0.0, 0.0), 0.0),
    Function("himmelblau", himmelblau, (0.0, 0.0), 0.0),
    Function("styblinski-tang-5", styblinski_tang, (-1.0,) * 5, -39.16616570377142 * 5),
    Function("quadratic-1e4", quadratic, (1.0,) * 20, -0.5 * float(torch.linalg.inv(_HESSIAN).sum())),
    Function("powell", powell, (3.0, -1.0, 0.0, 1.0), 0.0),
    Function("wood", wood, (-3.0, -1.0, -3.0, -1.0), 0.0),
    Function("dixon-price-10", dixon_price, (1.0,) * 10, None),  # two minima: 0 and 2/3
    Function("goldstein-price", goldstein_price, (-0.2, -0.8), 3.0),
    Function("helical-valley", helical_valley, (-1.0, 0.0, 0.0), 0.0),
    Function("logistic", logistic, (0.0,) * 31, None),
)
