"""Gradient descent."""

from __future__ import annotations

from typing import Any

from ravine.core.sources import Source
from ravine.rules.rule import NoClock, NoState, Rule


def sgd(g: Any, p: Any, s: NoState, c: NoClock) -> tuple[Any, NoState]:  # noqa: ARG001
    """Direction of one step of gradient descent; the driver applies p ← p − lr·u.

        u = g

    Full-batch, mini-batch or stochastic is a matter of where g comes from.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: Nothing.
        c: Nothing.

    Returns:
        u, shape (*), in the unit of g; and nothing to remember.

    Source: Robbins & Monro 1951.
    """
    return g, s


SGD = Rule(
    name="sgd",
    update=sgd,
    formula="u = g",
    bounds={},
    lr=1e-2,
    source=Source("Robbins & Monro", 1951, "A Stochastic Approximation Method", "Ann. Math. Statist. 22"),
    twin="torch.optim.SGD",
)
