"""RAdam: Adam that waits until its second moment can be trusted."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE, Interval
from ravine.core.sources import Source
from ravine.rules.adam import AdamState
from ravine.rules.arithmetic import sqrt, where
from ravine.rules.rule import Rule


class RectifiedClock(NamedTuple):
    """What of RAdam depends on the step alone."""

    ready: float  # 1 when the second moment can be trusted, else 0
    scale: float  # rₜ·√(1 − β₂ᵗ)/(1 − β₁ᵗ) when ready, else 0
    plain: float  # 1/(1 − β₁ᵗ), the factor of m until then


def rectification(
    t: int, beta1: float, beta2: float, threshold: float, *, inclusive: bool = False, waits: bool = False
) -> RectifiedClock:
    """The rectification at step t.

    Args:
        t: Step, from 1.
        beta1: β₁.
        beta2: β₂.
        threshold: ρₜ above which the second moment is used, at least 4.
        inclusive: Use it at the threshold too.
        waits: Do not move at all until then.
    """
    c1, c2 = 1.0 - beta1**t, 1.0 - beta2**t
    rho_inf = 2.0 / (1.0 - beta2) - 1.0
    rho = rho_inf - 2.0 * t * beta2**t / c2
    if not (rho >= threshold if inclusive and threshold > 4.0 else rho > threshold):
        return RectifiedClock(0.0, 0.0, 0.0 if waits else 1.0 / c1)
    r = math.sqrt((rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho))
    return RectifiedClock(1.0, r * math.sqrt(c2) / c1, 1.0 / c1)


def rectified(m: Any, v: Any, c: Any, eps: Any) -> Any:
    """The direction rₜ·m̂·√(1 − β₂ᵗ)/(√v + ε) when ready, m̂ until then, shape (*)."""
    return where(c.ready > 0, m * c.scale / (sqrt(v) + eps), m * c.plain)


def clock(t: int, *, beta1: float, beta2: float, threshold: float = 5.0, mode: str = "paper") -> RectifiedClock:
    """The clock of RAdam at step t.

    Args:
        t: Step, from 1.
        beta1: β₁, memory of the mean.
        beta2: β₂, memory of the square.
        threshold: Length ρₜ of the moving average above which the variance is taken for tractable.
        mode: "paper": rectified where ρₜ > threshold. "reference": see Departures.
    """
    reference = mode == "reference"
    return rectification(t, beta1, beta2, threshold, inclusive=reference, waits=reference)


def radam(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AdamState,
    c: RectifiedClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
) -> tuple[Any, AdamState]:
    """Direction of one RAdam step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g          m̂ = m / (1 − β₁ᵗ)
        v ← β₂·v + (1 − β₂)·g²
        ρ∞ = 2/(1 − β₂) − 1            ρₜ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ)
        rₜ = √( (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ) )
        u = m̂·rₜ·√(1 − β₂ᵗ)/(√v + ε)  if ρₜ > threshold, else m̂

    While u = m̂ (five steps at the defaults) it has the unit of the gradient; after that none.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot (*).
        c: Rectification at step t; the threshold (default 5) is a hyperparameter of the clock.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps. At 0.6 or less v is never used.
        eps: ε, in the unit of g.

    Returns:
        u, shape (*); and the state after step t.

    Source: Liu et al. 2020, Algorithm 2.

    Departures: the paper has no ε, its place here is torch's, and so is the threshold of 5
    where the paper has 4. `mode="reference"` is the authors' code: v is used from ρₜ ≥ threshold, and until then
    nothing moves.
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    return rectified(m, v, c, eps), AdamState(m, v)


RADAM = Rule(
    name="radam",
    update=radam,
    clock=clock,
    state=AdamState,
    formula="m, v as Adam; u = rₜ·m̂√c₂/(√v + ε) if ρₜ > 5, else m̂",
    bounds={
        "beta1": BELOW_ONE,
        "beta2": BELOW_ONE,
        "eps": NON_NEGATIVE,
        "threshold": Interval(4.0, math.inf, right_open=True),
    },
    options={"mode": ("paper", "reference")},
    lr=1e-3,
    source=Source("Liu et al.", 2020, "On the Variance of the Adaptive Learning Rate and Beyond", arxiv="1908.03265"),
    twin="torch.optim.RAdam",
)
