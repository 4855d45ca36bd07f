"""NAdam: Adam with Nesterov's look ahead."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.adam import AdamState
from ravine.rules.arithmetic import sqrt
from ravine.rules.rule import Rule


class NAdamClock(NamedTuple):
    """What of NAdam depends on the step alone: u = (fresh·g + carry·m)/(√v + root·ε)."""

    fresh: float  # √(1 − β₂ᵗ)·(1 − μₜ)/(1 − Πμ)
    carry: float  # √(1 − β₂ᵗ)·μₜ₊₁/(1 − μₜ₊₁·Πμ)
    root: float  # √(1 − β₂ᵗ)


def clock(t: int, *, beta1: float, beta2: float, momentum_decay: float = 4e-3) -> NAdamClock:
    """The clock of NAdam at step t.

    Args:
        t: Step, from 1.
        beta1: β₁, memory of the mean.
        beta2: β₂, memory of the square.
        momentum_decay: ψ, how fast the momentum grows to β₁: μₜ = β₁·(1 − ½·0.96^(t·ψ)).
    """
    product = _product(t, beta1, momentum_decay)
    now, next_one = _mu(t, beta1, momentum_decay), _mu(t + 1, beta1, momentum_decay)
    root = math.sqrt(1.0 - beta2**t)
    return NAdamClock(root * (1.0 - now) / (1.0 - product), root * next_one / (1.0 - product * next_one), root)


def _mu(t: int, beta1: float, momentum_decay: float) -> float:
    return beta1 * (1.0 - 0.5 * math.pow(0.96, t * momentum_decay))


_LAST: dict[tuple[float, float], tuple[int, float]] = {}


def _product(t: int, beta1: float, momentum_decay: float) -> float:
    """μ₁·…·μₜ, from the product of the step before when that was the last one asked for."""
    key = (beta1, momentum_decay)
    known, product = _LAST.get(key, (0, 1.0))
    if known > t:
        known, product = 0, 1.0
    for step in range(known + 1, t + 1):
        product *= _mu(step, beta1, momentum_decay)
        if product == 0.0:
            break
    _LAST[key] = (t, product)
    return product


def nadam(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AdamState,
    c: NAdamClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
) -> tuple[Any, AdamState]:
    """Direction of one NAdam step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²         v̂ = v / (1 − β₂ᵗ)
        μₜ = β₁·(1 − ½·0.96^(t·ψ))     Πμ = μ₁·…·μₜ
        u = [ (1 − μₜ)/(1 − Πμ)·g + μₜ₊₁/(1 − μₜ₊₁·Πμ)·m ] / (√v̂ + ε)

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot (*).
        c: The weights of g and m at step t; ψ (momentum_decay, default 0.004) is a
            hyperparameter of the clock.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Dozat 2016, as torch reads it (the memory of m stays at β₁).
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    return (g * c.fresh + m * c.carry) / (sqrt(v) + eps * c.root), AdamState(m, v)


NADAM = Rule(
    name="nadam",
    update=nadam,
    clock=clock,
    state=AdamState,
    formula="m, v as Adam; u = [(1 − μₜ)g/(1 − Πμ) + μₜ₊₁m/(1 − μₜ₊₁Πμ)]/(√v̂ + ε)",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE, "momentum_decay": NON_NEGATIVE},
    lr=2e-3,
    source=Source("Dozat", 2016, "Incorporating Nesterov Momentum into Adam", "ICLR Workshop"),
    twin="torch.optim.NAdam",
)
