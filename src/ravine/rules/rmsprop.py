"""RMSProp: AdaGrad that forgets."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.arithmetic import at_least_zero, sqrt
from ravine.rules.rule import NoClock, Rule


class RMSpropState(NamedTuple):
    """What RMSProp remembers; a slot that the options leave unused is None."""

    s: Any  # like p, starts at 0: mean of the squared gradient
    mean: Any  # like p, starts at 0: mean of the gradient, when centered
    velocity: Any  # like p, starts at 0: when there is momentum


def idle(*, momentum: Any, centered: bool, **others: Any) -> frozenset[str]:  # noqa: ARG001
    """The mean is kept when centered, the velocity when there is momentum."""
    still = isinstance(momentum, Real) and momentum == 0
    return frozenset({"mean"} if not centered else ()) | frozenset({"velocity"} if still else ())


def rmsprop(
    g: Any,
    p: Any,  # noqa: ARG001
    s: RMSpropState,
    c: NoClock,  # noqa: ARG001
    *,
    alpha: Any = 0.99,
    eps: Any = 1e-8,
    momentum: Any = 0.0,
    centered: bool = False,
    eps_inside: bool = False,
) -> tuple[Any, RMSpropState]:
    """Direction of one RMSProp step; the driver applies p ← p − lr·u.

        s ← δ·s + (1 − δ)·g²
        u = g / (√s + ε)

    Centered, the variance takes the place of the second moment: a ← δ·a + (1 − δ)·g and
    √(s − a²) in the denominator. With momentum the velocity w ← ρ·w + g/(√s + ε) is the direction.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, each slot in use (*).
        c: Nothing.
        alpha: δ, memory of the square, about 1/(1 − δ) steps; "alpha" as in torch. The notes
            use 0.9.
        eps: ε, in the unit of g.
        momentum: ρ, memory of the velocity; at 0 none is kept.
        centered: Divide by the standard deviation.
        eps_inside: Put ε under the root, √(s + ε); it then has the unit of g².

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Tieleman & Hinton 2012; centered: Graves 2013 (1308.0850).

    Departure: s − a² can be below 0 by rounding once the gradient stands still; torch then
    gives NaN, here it counts as 0.
    """
    square = alpha * s.s + (1 - alpha) * (g * g)
    spread, mean = square, s.mean
    if centered:
        mean = alpha * s.mean + (1 - alpha) * g
        spread = at_least_zero(square - mean * mean)
    u = g / (sqrt(spread + eps) if eps_inside else sqrt(spread) + eps)
    if s.velocity is None:
        return u, RMSpropState(square, mean, None)
    velocity = momentum * s.velocity + u
    return velocity, RMSpropState(square, mean, velocity)


RMSPROP = Rule(
    name="rmsprop",
    update=rmsprop,
    state=RMSpropState,
    idle=idle,
    formula="s ← δs + (1 − δ)g²; u = g/(√s + ε)",
    bounds={"alpha": BELOW_ONE, "eps": NON_NEGATIVE, "momentum": BELOW_ONE},
    options={"centered": (False, True), "eps_inside": (False, True)},
    lr=1e-2,
    source=Source("Tieleman & Hinton", 2012, "Lecture 6.5: rmsprop", "Neural Networks for Machine Learning"),
    twin="torch.optim.RMSprop",
)
