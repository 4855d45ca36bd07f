"""AdaBelief: long steps where the gradient is what was expected."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.adam import corrections
from ravine.rules.arithmetic import sqrt
from ravine.rules.radam import RectifiedClock, rectification, rectified
from ravine.rules.rule import Rule


class AdaBeliefState(NamedTuple):
    """What AdaBelief remembers."""

    m: Any  # like p, starts at 0: mean of the gradient, the belief
    s: Any  # like p, starts at 0: mean of the squared surprise (g − m)²


class AdaBeliefClock(NamedTuple):
    """What of AdaBelief depends on the step alone: Adam's corrections, or RAdam's."""

    ready: float
    scale: float
    root: float
    plain: float


def believing(plain: RectifiedClock | None, t: int, beta1: float, beta2: float) -> AdaBeliefClock:
    """The clock from a rectification, or from plain bias corrections where there is none."""
    if plain is None:
        scale, root = corrections(t, beta1, beta2)
        return AdaBeliefClock(1.0, scale, root, 0.0)
    return AdaBeliefClock(plain.ready, plain.scale, 1.0, plain.plain)


def clock(t: int, *, beta1: float, beta2: float, rectify: bool) -> AdaBeliefClock:
    """The clock of AdaBelief at step t."""
    return believing(rectification(t, beta1, beta2, 5.0) if rectify else None, t, beta1, beta2)


def adabelief(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AdaBeliefState,
    c: AdaBeliefClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-16,
    rectify: bool = False,
) -> tuple[Any, AdaBeliefState]:
    """Direction of one AdaBelief step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g                    m̂ = m / (1 − β₁ᵗ)
        s ← β₂·s + (1 − β₂)·(g − m)² + ε         ŝ = s / (1 − β₂ᵗ)
        u = m̂ / (√ŝ + ε)

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot (*).
        c: Bias corrections, or rectification, at step t.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the surprise, about 1/(1 − β₂) steps.
        eps: ε, added twice: to s at every step, in the unit of g², and to the root. It bounds
            |u| by about |m̂|·√((1 − β₂)/ε), which is no bound to speak of at 1e-16. The paper's CIFAR runs had 1e-8 and
            coupled weight decay; the package has 1e-16 and decoupled weight decay.
        rectify: RAdam's rectification on s: u = rₜ·m̂·√(1 − β₂ᵗ)/(√s + ε) if ρₜ > 5, else m̂.

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Zhuang et al. 2020, Algorithm 2.
    """
    m = beta1 * s.m + (1 - beta1) * g
    surprise = g - m
    spread = beta2 * s.s + (1 - beta2) * (surprise * surprise) + eps
    u = rectified(m, spread, c, eps) if rectify else m * c.scale / (sqrt(spread) + eps * c.root)
    return u, AdaBeliefState(m, spread)


ADABELIEF = Rule(
    name="adabelief",
    update=adabelief,
    clock=clock,
    state=AdaBeliefState,
    formula="m as Adam; s ← β₂s + (1 − β₂)(g − m)² + ε; u = m̂/(√ŝ + ε)",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE},
    options={"rectify": (False, True)},
    lr=1e-3,
    decay="decoupled",
    source=Source(
        "Zhuang et al.",
        2020,
        "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients",
        arxiv="2010.07468",
    ),
)
