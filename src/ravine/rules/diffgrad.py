"""diffGrad: Adam that slows where the gradient has stopped changing."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.adam import AdamClock, corrections
from ravine.rules.arithmetic import exp, sqrt
from ravine.rules.rule import Rule


class DiffGradState(NamedTuple):
    """What diffGrad remembers."""

    m: Any  # like p, starts at 0: mean of the gradient
    v: Any  # like p, starts at 0: mean of its square
    g_last: Any  # like p, starts at 0: the gradient of the step before


def clock(t: int, *, beta1: float, beta2: float, mode: str = "paper") -> AdamClock:
    """The clock of diffGrad at step t.

    Args:
        t: Step, from 1.
        beta1: β₁, memory of the mean.
        beta2: β₂, memory of the square.
        mode: "paper", or "reference", see Departures.
    """
    return corrections(t, beta1, beta2, eps_hat=mode == "reference")


def inverse_friction(g: Any, g_last: Any) -> Any:
    """1/ξ = 1 + e^−|g_last − g|, shape (*), in (1, 2]."""
    return 1 + exp(-abs(g_last - g))


def diffgrad(
    g: Any,
    p: Any,  # noqa: ARG001
    s: DiffGradState,
    c: AdamClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
) -> tuple[Any, DiffGradState]:
    """Direction of one diffGrad step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g          m̂ = m / (1 − β₁ᵗ)
        v ← β₂·v + (1 − β₂)·g²         v̂ = v / (1 − β₂ᵗ)
        ξ = 1 / (1 + e^−|gₜ₋₁ − gₜ|)   g₀ = 0
        u = ξ·m̂ / (√v̂ + ε)

    ξ lies in [½, 1) and compares gradients in their own unit: where they are small, as in most
    networks, ξ ≈ ½ throughout, and diffGrad is Adam at half the rate. Compare it with that.

    Cost: one exponential, one root and one division an element, since ξ is divided by within
    the same fraction. On few cores the exponential, not memory, sets the speed.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot (*).
        c: Bias corrections at step t.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Dubey et al. 2019.

    Departures: `mode="reference"` (of the clock) is the authors' corrected code, which adds ε
    to the uncorrected root. In their first code the previous gradient was an alias of the
    present one, so that ξ was ½ from step 2: that is Adam at α/2, and no mode here.
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    u = m * c.scale / ((sqrt(v) + eps * c.root) * inverse_friction(g, s.g_last))
    return u, DiffGradState(m, v, g)


DIFFGRAD = Rule(
    name="diffgrad",
    update=diffgrad,
    clock=clock,
    state=DiffGradState,
    formula="m, v as Adam; ξ = 1/(1 + e^−|gₜ₋₁ − gₜ|); u = ξ·m̂/(√v̂ + ε)",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE},
    options={"mode": ("paper", "reference")},
    lr=1e-3,
    source=Source(
        "Dubey et al.", 2019, "diffGrad: An Optimization Method for Convolutional Neural Networks", arxiv="1909.11015"
    ),
)
