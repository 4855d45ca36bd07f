"""AdaInject: the last parameter change, weighted by the squared gradient, enters the mean."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE, POSITIVE
from ravine.core.sources import Source
from ravine.rules.adabelief import AdaBeliefClock, believing
from ravine.rules.adam import corrections
from ravine.rules.arithmetic import sqrt
from ravine.rules.diffgrad import inverse_friction
from ravine.rules.radam import rectification, rectified
from ravine.rules.rule import Rule


class AdaInjectState(NamedTuple):
    """What AdaInject remembers."""

    m: Any  # like p, starts at 0: mean of the injected gradient
    v: Any  # like p, starts at 0: mean of the squared gradient, or of the surprise
    p_last: Any  # like p, starts at 0, unread at t = 1: the parameter of the step before
    g_last: Any  # like p, starts at 0: the gradient of the step before, over diffGrad alone


class AdaInjectClock(NamedTuple):
    """What of AdaInject depends on the step alone."""

    ready: float  # these four: corrections or rectification of the base, as in AdaBelief
    scale: float
    root: float
    plain: float
    inject: float  # 0 while there is no change to inject, then 1
    intake: float  # 1 − β₁, divided by k once there is


def clock(t: int, *, beta1: float, beta2: float, k: float = 2.0, base: str, mode: str = "paper") -> AdaInjectClock:
    """The clock of AdaInject at step t.

    Args:
        t: Step, from 1.
        beta1: β₁, memory of the mean.
        beta2: β₂, memory of the square.
        k: What gradient and injection together are divided by.
        base: Over which rule.
        mode: "paper", or "reference", see Departures.
    """
    reference = mode == "reference"
    if base == "radam":
        inner = believing(rectification(t, beta1, beta2, 5.0, inclusive=reference), t, beta1, beta2)
    else:
        scale, root = corrections(t, beta1, beta2, eps_hat=reference and base != "adabelief")
        inner = AdaBeliefClock(1.0, scale, root, 0.0)
    injects = t > (2 if reference and base == "radam" else 1)
    return AdaInjectClock(*inner, float(injects), (1.0 - beta1) / k if injects else 1.0 - beta1)


def idle(*, base: str, **others: Any) -> frozenset[str]:  # noqa: ARG001
    """Over diffGrad alone the gradient of the step before is needed."""
    return frozenset() if base == "diffgrad" else frozenset({"g_last"})


def adainject(
    g: Any,
    p: Any,
    s: AdaInjectState,
    c: AdaInjectClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    base: str = "adam",
) -> tuple[Any, AdaInjectState]:
    """Direction of one AdaInject step; the driver applies p ← p − lr·u.

        Δ = pₜ₋₂ − pₜ₋₁
        m ← β₁·m + (1 − β₁)·(g + Δ·g²)/k        at t = 1: m ← (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        u = m̂ / (√v̂ + ε)                        over Adam; as the base has it over another

    Over diffGrad u is multiplied by its friction ξ, over RAdam it is rectified, over AdaBelief
    v holds the surprise (g − m)² + ε with this m.

    From t = 2 on m is a mean of gradients over k. Where Δ·g² is small, as it is with ordinary
    rates and gradients, what remains is mostly the base at a 1/k of the rate: compare with that.

    Args:
        g: Gradient, shape (*).
        p: Parameter pₜ₋₁ at which g was taken, shape (*).
        s: State after step t − 1, each slot in use (*).
        c: Corrections at step t and whether to inject; k (default 2) is a hyperparameter of
            the clock.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.
        base: "adam", "diffgrad", "radam" or "adabelief".

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Dubey et al. 2021.

    Departures: `mode="reference"` (of the clock) is the authors' code: ε is added to the
    uncorrected root (not over AdaBelief), and over RAdam the second moment is used from ρₜ ≥ 5 and the injection starts
    at t = 3. Their code fixes k = 2.
    """
    m = beta1 * s.m + c.intake * (g + c.inject * (s.p_last - p) * (g * g))
    if base == "adabelief":
        v = beta2 * s.v + (1 - beta2) * ((g - m) * (g - m)) + eps
    else:
        v = beta2 * s.v + (1 - beta2) * (g * g)
    if base == "radam":
        u = rectified(m, v, c, eps)
    else:
        size = sqrt(v) + eps * c.root
        u = m * c.scale / (size * inverse_friction(g, s.g_last) if base == "diffgrad" else size)
    return u, AdaInjectState(m, v, p, g if base == "diffgrad" else None)


ADAINJECT = Rule(
    name="adainject",
    update=adainject,
    clock=clock,
    state=AdaInjectState,
    idle=idle,
    formula="m ← β₁m + (1 − β₁)(g + Δ·g²)/k, Δ = pₜ₋₂ − pₜ₋₁; v and u as the base",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE, "k": POSITIVE},
    options={"base": ("adam", "diffgrad", "radam", "adabelief"), "mode": ("paper", "reference")},
    lr=1e-3,
    source=Source(
        "Dubey et al.",
        2021,
        "AdaInject: Injection Based Adaptive Gradient Descent Optimizers for Convolutional Neural Networks",
        arxiv="2109.12504",
    ),
)
