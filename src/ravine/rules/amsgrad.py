"""AMSGrad: Adam whose denominator never shrinks."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.adam import corrections
from ravine.rules.arithmetic import maximum, sqrt
from ravine.rules.rule import Rule


class AMSGradState(NamedTuple):
    """What AMSGrad remembers."""

    m: Any  # like p, starts at 0: mean of the gradient
    v: Any  # like p, starts at 0: mean of its square
    v_max: Any  # like p, starts at 0: the largest v so far


class AMSGradClock(NamedTuple):
    """What of AMSGrad depends on the step alone: u = scale·m/(√v_max + root·ε)."""

    scale: float  # the bias corrections that the mode wants
    root: float  # the factor of ε that puts it where the mode wants
    unit: float  # what v is multiplied by before it is compared: 1/(1 − β₂ᵗ) in optax, else 1


def clock(t: int, *, beta1: float, beta2: float, mode: str) -> AMSGradClock:
    """The clock of AMSGrad at step t."""
    if mode == "paper":
        return AMSGradClock(1.0, 1.0, 1.0)
    if mode == "optax":
        return AMSGradClock(1.0 / (1.0 - beta1**t), 1.0, 1.0 / (1.0 - beta2**t))
    return AMSGradClock(*corrections(t, beta1, beta2, eps_hat=mode == "keras"), 1.0)


def amsgrad(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AMSGradState,
    c: AMSGradClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    mode: str = "torch",
) -> tuple[Any, AMSGradState]:
    """Direction of one AMSGrad step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²         v_max ← max(v_max, v)
        u = m̂ / (√v̂_max + ε)

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot (*).
        c: Bias corrections at step t.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.
        mode: Where the maximum and the corrections sit, see Departures.

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Reddi, Kale & Kumar 2018, Algorithm 2.

    Departures: four conventions are in use. "torch" (default): the maximum of the raw v is
    corrected, v_max/(1 − β₂ᵗ). "paper": nothing is corrected, m/(√v_max + ε). "keras": as torch, but ε is added to the
    uncorrected root. "optax": the maximum is over corrected v̂, so that the large first
    estimates stay.
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    v_max = maximum(s.v_max, v * c.unit if mode == "optax" else v)
    return m * c.scale / (sqrt(v_max) + eps * c.root), AMSGradState(m, v, v_max)


AMSGRAD = Rule(
    name="amsgrad",
    update=amsgrad,
    clock=clock,
    state=AMSGradState,
    formula="m, v as Adam; v_max ← max(v_max, v); u = m̂/(√v̂_max + ε)",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE},
    options={"mode": ("torch", "paper", "keras", "optax")},
    lr=1e-3,
    source=Source("Reddi, Kale & Kumar", 2018, "On the Convergence of Adam and Beyond", "ICLR", arxiv="1904.09237"),
    twin="torch.optim.Adam",
)
