"""Adam: each coordinate's step in units of its own gradient's recent size."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.arithmetic import sqrt
from ravine.rules.rule import Rule


class AdamState(NamedTuple):
    """What Adam remembers."""

    m: Any  # like p, starts at 0: mean of the gradient
    v: Any  # like p, starts at 0: mean of its square


class AdamClock(NamedTuple):
    """What of Adam depends on the step alone.

    Both bias corrections of m̂/(√v̂ + ε) = scale·m/(√v + root·ε), so that the kernel divides once.
    """

    scale: float  # √(1 − β₂ᵗ)/(1 − β₁ᵗ)
    root: float  # √(1 − β₂ᵗ)


def corrections(t: int, beta1: float, beta2: float, *, eps_hat: bool = False) -> AdamClock:
    """The bias corrections of Adam's kin at step t.

    `eps_hat` adds ε before the second moment is corrected, scale·m/(√v + ε), as most authors'
    code does; the published formulas add it after.
    """
    c1, c2 = 1.0 - beta1**t, 1.0 - beta2**t
    return AdamClock(math.sqrt(c2) / c1, 1.0 if eps_hat else math.sqrt(c2))


def clock(t: int, *, beta1: float, beta2: float, bias_correction: bool = True) -> AdamClock:
    """The clock of Adam at step t.

    Args:
        t: Step, from 1.
        beta1: β₁, memory of the mean.
        beta2: β₂, memory of the square.
        bias_correction: Divide the moments by 1 − βᵗ; without, they start too small, and the first step
            is (1 − β₁)/√(1 − β₂) times as long.
    """
    return corrections(t, beta1, beta2) if bias_correction else AdamClock(1.0, 1.0)


def adam(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AdamState,
    c: AdamClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
) -> tuple[Any, AdamState]:
    """Direction of one Adam step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g          m̂ = m / (1 − β₁ᵗ)
        v ← β₂·v + (1 − β₂)·g²         v̂ = v / (1 − β₂ᵗ)
        u = m̂ / (√v̂ + ε)

    `bias_correction=False` (an option of the clock) uses m and v as they are. Both start at
    0, so the first steps are then too long: the very first by (1 − β₁)/√(1 − β₂), 3.16 times
    at the defaults.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot (*).
        c: Bias corrections at step t.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g: the size below which a gradient no longer fills its step.

    Returns:
        u, shape (*), without unit, within about ±1; and the state after step t.

    Source: Kingma & Ba 2015, Algorithm 1.
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    return m * c.scale / (sqrt(v) + eps * c.root), AdamState(m, v)


ADAM = Rule(
    name="adam",
    update=adam,
    clock=clock,
    state=AdamState,
    formula="m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; u = m̂/(√v̂ + ε)",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE},
    options={"bias_correction": (True, False)},
    lr=1e-3,
    source=Source("Kingma & Ba", 2015, "Adam: A Method for Stochastic Optimization", arxiv="1412.6980"),
    twin="torch.optim.Adam",
)
