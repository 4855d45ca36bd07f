"""Gradient descent with momentum, in the textbook forms."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE
from ravine.core.sources import Source
from ravine.rules.rule import Rates, Rule


class MomentumState(NamedTuple):
    """What momentum remembers."""

    v: Any  # like p, starts at 0: velocity, in the unit of g


class MomentumClock(NamedTuple):
    """What of momentum depends on the step alone."""

    carry: float  # what of the old velocity stays: ρ, or ρ·αₜ₋₁/αₜ
    intake: float  # what of the gradient enters: 1 − dampening, and 1 at t = 1


def clock(
    t: int, *, momentum: float = 0.9, dampening: float = 0.0, lr_in_velocity: bool = False, rates: Rates
) -> MomentumClock:
    """The clock of momentum at step t.

    Args:
        t: Step, from 1.
        momentum: ρ, memory of the velocity, about 1/(1 − ρ) steps.
        dampening: The gradient enters the velocity times 1 − dampening, after the first step.
        lr_in_velocity: Keep the velocity in units of the step, w = −α·v: a change of α then meets new
            gradients only, not the velocity there is.
        rates: Learning rates up to now.
    """
    return MomentumClock(momentum * velocity_unit(rates, lr_in_velocity), 1.0 if t == 1 else 1.0 - dampening)


def velocity_unit(rates: Rates, lr_in_velocity: bool) -> float:
    """What turns a velocity in units of the last learning rate into one in units of this one.

    αₜ₋₁/αₜ when the learning rate belongs to the velocity, else 1. A step at αₜ = 0 moves
    nothing and forgets the velocity, since no multiple of 0 can coast.
    """
    if not lr_in_velocity:
        return 1.0
    return rates.before / rates.now if rates.now else 0.0


def momentum(g: Any, p: Any, s: MomentumState, c: MomentumClock) -> tuple[Any, MomentumState]:  # noqa: ARG001
    """Direction of one step with momentum; the driver applies p ← p − lr·u.

        v ← ρ·v + (1 − τ)·g        at t = 1: v ← g
        u = v

    With `lr_in_velocity` the learning rate sits inside the velocity, w ← ρ·w − α·g,
    p ← p + w. This is the heavy ball p ← p − α·g + ρ·(pₜ − pₜ₋₁) at every α, since
    w = pₜ − pₜ₋₁. The form above differs from it only once α changes: there the whole velocity
    feels the new rate at once, here what is already rolling keeps the rate it started with. The rule keeps
    v = −w/α, so that the step is still lr·u; the clock changes its unit, v ← ρ·(αₜ₋₁/αₜ)·v + g.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: Velocity after step t − 1, shape (*).
        c: ρ (momentum, default 0.9) in the unit of this step, and 1 − τ (dampening, default
            0). Both are hyperparameters of the clock.

    Returns:
        u, shape (*), in the unit of g; and the state after step t.

    Source: Polyak 1964; dampening as in torch.
    """
    v = s.v * c.carry + g * c.intake
    return v, MomentumState(v)


MOMENTUM = Rule(
    name="momentum",
    update=momentum,
    clock=clock,
    state=MomentumState,
    formula="v ← ρv + g; u = v",
    bounds={"momentum": BELOW_ONE, "dampening": BELOW_ONE},
    options={"lr_in_velocity": (False, True)},
    lr=1e-2,
    source=Source(
        "Polyak", 1964, "Some methods of speeding up the convergence of iteration methods", "USSR Comp. Math. 4"
    ),
    twin="torch.optim.SGD",
)
