"""Nesterov's momentum: the gradient is taken where the velocity leads."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE
from ravine.core.sources import Source
from ravine.rules.momentum import velocity_unit
from ravine.rules.rule import Rates, Rule


class NesterovState(NamedTuple):
    """What Nesterov's momentum remembers."""

    v: Any  # like p, starts at 0: velocity, in the unit of g


class NesterovClock(NamedTuple):
    """What of Nesterov's momentum depends on the step alone."""

    carry: float  # what of the old velocity stays: ρ, or ρ·αₜ₋₁/αₜ


def clock(t: int, *, momentum: float, lr_in_velocity: bool = False, rates: Rates) -> NesterovClock:  # noqa: ARG001
    """The clock of Nesterov's momentum at step t.

    Args:
        t: Step, from 1.
        momentum: ρ, memory of the velocity, about 1/(1 − ρ) steps.
        lr_in_velocity: Keep the velocity in units of the step, w = −α·v: a change of α then meets new
            gradients only, not the velocity there is.
        rates: Learning rates up to now.
    """
    return NesterovClock(momentum * velocity_unit(rates, lr_in_velocity))


def nesterov(g: Any, p: Any, s: NesterovState, c: NesterovClock, *, momentum: Any = 0.9) -> tuple[Any, NesterovState]:  # noqa: ARG001
    """Direction of one step with Nesterov's momentum; the driver applies p ← p − lr·u.

        v ← ρ·v + g
        u = g + ρ·v

    The textbook takes the gradient at the look-ahead point x + ρ·w, w ← ρ·w − α·∇f(x + ρ·w),
    x ← x + w. Here p is that look-ahead point: p = x + ρ·w turns the same iteration into
    p ← p + w + ρ·(w − w_before) with the gradient at p, which is the formula above with w = −α·v. While
    α is constant the two are the same; once it changes `lr_in_velocity` keeps them so:
    v ← ρ·(αₜ₋₁/αₜ)·v + g.

    Args:
        g: Gradient at p, shape (*).
        p: Parameter, shape (*). Not read.
        s: Velocity after step t − 1, shape (*).
        c: ρ in the unit of this step.
        momentum: ρ, memory of the velocity, about 1/(1 − ρ) steps.

    Returns:
        u, shape (*), in the unit of g; and the state after step t.

    Source: Nesterov 1983; Sutskever et al. 2013 for the change of variable.
    """
    v = s.v * c.carry + g
    return g + momentum * v, NesterovState(v)


NESTEROV = Rule(
    name="nesterov",
    update=nesterov,
    clock=clock,
    state=NesterovState,
    formula="v ← ρv + g; u = g + ρv",
    bounds={"momentum": BELOW_ONE},
    options={"lr_in_velocity": (False, True)},
    lr=1e-2,
    source=Source(
        "Nesterov",
        1983,
        "A method for solving the convex programming problem with convergence rate O(1/k²)",
        "Soviet Math. Dokl. 27",
    ),
    twin="torch.optim.SGD",
)
