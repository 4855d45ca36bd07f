"""AngularGrad: Adam with friction from the angle between successive gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.adam import corrections
from ravine.rules.arithmetic import divide, exp, minimum, share, sqrt, where
from ravine.rules.rule import Rule


class AngularGradState(NamedTuple):
    """What AngularGrad remembers."""

    m: Any  # like p, starts at 0: mean of the gradient
    v: Any  # like p, starts at 0: mean of its square
    g_last: Any  # like p, starts at 0: the gradient of the step before
    tangent: Any  # like p: |tan A| of the step before; in reference mode of the kept angle
    friction: Any  # like p, starts at 0: reference mode alone, the kept |∠A|


class AngularGradClock(NamedTuple):
    """What of AngularGrad depends on the step alone."""

    scale: float  # √(1 − β₂ᵗ)/(1 − β₁ᵗ)
    root: float  # √(1 − β₂ᵗ), or 1 in reference mode
    first: float  # 1 at t = 1, when the angle before is A₀ = 90°


def clock(t: int, *, beta1: float, beta2: float, mode: str) -> AngularGradClock:
    """The clock of AngularGrad at step t."""
    return AngularGradClock(*corrections(t, beta1, beta2, eps_hat=mode == "reference"), float(t == 1))


def idle(*, mode: str, **others: Any) -> frozenset[str]:  # noqa: ARG001
    """The paper's formula makes its friction anew at every step."""
    return frozenset({"friction"} if mode == "paper" else ())


def angulargrad(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AngularGradState,
    c: AngularGradClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    kind: str = "cos",
    mode: str = "paper",
) -> tuple[Any, AngularGradState]:
    """Direction of one AngularGrad step; the driver applies p ← p − lr·u.

        m ← β₁·m + (1 − β₁)·g          m̂ = m / (1 − β₁ᵗ)
        v ← β₂·v + (1 − β₂)·g²         v̂ = v / (1 − β₂ᵗ)
        Aₜ = atan |(gₜ − gₜ₋₁)/(1 + gₜ·gₜ₋₁)|        A₀ = 90°, g₀ = 0
        A_min = min(Aₜ₋₁, Aₜ)
        φ = ½·tanh|∠A_min| + ½        ∠ = cos or tan
        u = φ·m̂ / (√v̂ + ε)

    No atan, cos, tan or tanh is taken, and the result is still exact: ½·tanh(x) + ½ = σ(2x);
    with x = |tan A|, cos A = 1/√(1 + x²); and since atan rises, the smaller angle is the one
    with the smaller x. The state keeps x of the step before.

    φ is in [½, 0.8808] for cos and in [½, 1] for tan. Gradients count in their own unit: where
    they are small, A ≈ 0, so that φ ≈ 0.88 for cos and ½ for tan throughout. Compare it with
    Adam at that rate.

    Cost: one exponential an element; divisions and roots beside: two and one for tan, three
    and two for cos. On few cores these, not memory, set the speed.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot in use (*).
        c: Bias corrections at step t.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.
        kind: ∠, "cos" or "tan".
        mode: "paper", or "reference", see Departures.

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Roy et al. 2021.

    Departures: `mode="reference"` is the authors' code, and needs the whole tensor. It keeps one
    set of angles, at first all 0, and takes over the new ones only when fewer than half of the
    elements have grown; otherwise the friction stays what it was, at first φ = ½. On dense
    gradients fewer than half never happens, and the rule is Adam at α/2. For tan the code also
    wants at least one that has grown. ε is added to the uncorrected root.
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    tangent = abs(divide(g - s.g_last, 1 + g * s.g_last))
    kept = None
    if mode == "paper":
        slope = friction_angle(minimum(where(c.first > 0, tangent, s.tangent), tangent), kind)
    else:
        grown = share(tangent > s.tangent)
        takes = (grown < 0.5) if kind == "cos" else (grown < 0.5) & (grown > 0)
        slope = kept = where(takes, friction_angle(tangent, kind), s.friction)
        tangent = where(takes, tangent, s.tangent)
    u = m * c.scale / ((sqrt(v) + eps * c.root) * (1 + exp(-2 * slope)))
    return u, AngularGradState(m, v, g, tangent, kept)


def friction_angle(tangent: Any, kind: str) -> Any:
    """|∠A| from |tan A|, shape (*): itself for "tan", 1/√(1 + x²) for "cos"."""
    return tangent if kind == "tan" else 1 / sqrt(1 + tangent * tangent)


ANGULARGRAD = Rule(
    name="angulargrad",
    update=angulargrad,
    clock=clock,
    state=AngularGradState,
    idle=idle,
    wide=frozenset({("mode", "reference")}),
    formula="Aₜ = atan|(gₜ − gₜ₋₁)/(1 + gₜgₜ₋₁)|; φ = ½tanh|∠min(Aₜ₋₁, Aₜ)| + ½; u = φ·m̂/(√v̂ + ε)",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE},
    options={"kind": ("cos", "tan"), "mode": ("paper", "reference")},
    lr=1e-3,
    source=Source(
        "Roy et al.",
        2021,
        "AngularGrad: A New Optimization Technique for Angular Convergence of Convolutional Neural Networks",
        arxiv="2105.10190",
    ),
)
