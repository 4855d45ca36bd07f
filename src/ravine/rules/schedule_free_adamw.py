"""Schedule-Free AdamW: an average of the path instead of a falling rate."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.rules.arithmetic import sqrt
from ravine.rules.rule import Rates, Rule
from ravine.rules.schedule_free_sgd import (
    MIXED,
    SOURCE,
    average_point,
    averaged_step,
    averaging,
    training_point,
)


class ScheduleFreeAdamWState(NamedTuple):
    """What Schedule-Free AdamW remembers."""

    z: Any  # like p, starts at 0, unread at t = 1: where AdamW without β₁ would be
    v: Any  # like p, starts at 0: mean of the squared gradient


class ScheduleFreeAdamWClock(NamedTuple):
    """What of Schedule-Free AdamW depends on the step alone."""

    lr: float  # these four as in AveragingClock
    weight: float
    pull: float
    first: float
    root: float  # √(1 − β₂ᵗ)


def clock(t: int, *, beta2: float, rates: Rates) -> ScheduleFreeAdamWClock:
    """The clock of Schedule-Free AdamW at step t."""
    return ScheduleFreeAdamWClock(*averaging(t, rates), math.sqrt(1.0 - beta2**t))


def evaluated(p: Any, s: ScheduleFreeAdamWState, *, beta1: Any) -> Any:
    """The average x, shape (*): the point to evaluate, save and deploy."""
    return average_point(p, s.z, beta1)


def trained(x: Any, s: ScheduleFreeAdamWState, *, beta1: Any) -> Any:
    """The point p, shape (*), at which gradients are taken, from the average x."""
    return training_point(x, s.z, beta1)


def schedule_free_adamw(
    g: Any,
    p: Any,
    s: ScheduleFreeAdamWState,
    c: ScheduleFreeAdamWClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
) -> tuple[Any, ScheduleFreeAdamWState]:
    """Direction of one step of Schedule-Free AdamW; the driver applies p ← p − lr·u.

        v ← β₂·v + (1 − β₂)·g²         v̂ = v / (1 − β₂ᵗ)
        d = g / (√v̂ + ε) + λ·p
        z ← z − α·d
        x ← (1 − c)·x + c·z            c = αₜ² / Σ αᵢ²
        p ← (1 − β₁)·z + β₁·x

    The averaging takes the place of the first moment. Points, evaluation and what the driver
    does are as in `schedule_free_sgd`.

    Args:
        g: Gradient at p, shape (*).
        p: Parameter, shape (*).
        s: State after step t − 1, each slot (*).
        c: α, c and the bias correction at step t.
        beta1: β₁, how far p is from z towards x, in (0, 1].
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.
        weight_decay: λ, per unit of learning rate, at p.

    Returns:
        u, shape (*), without unit; and the state after step t.

    Source: Defazio et al. 2024, Algorithm 1.

    Departures: the paper puts √(1 − β₂ᵗ) into the rate, so that the first 1/(1 − β₂) steps
    count less in the average; as in the authors' present code v̂ is corrected instead, and they count in full.
    """
    v = beta2 * s.v + (1 - beta2) * (g * g)
    d = g * c.root / (sqrt(v) + eps * c.root) + weight_decay * p
    u, z = averaged_step(d, p, s.z, c, beta1)
    return u, ScheduleFreeAdamWState(z, v)


SCHEDULE_FREE_ADAMW = Rule(
    name="schedule_free_adamw",
    update=schedule_free_adamw,
    clock=clock,
    state=ScheduleFreeAdamWState,
    formula="d = g/(√v̂ + ε) + λp; z ← z − αd; x ← (1 − c)x + cz; p ← (1 − β₁)z + β₁x",
    bounds={"beta1": MIXED, "beta2": BELOW_ONE, "eps": NON_NEGATIVE, "weight_decay": NON_NEGATIVE},
    lr=2.5e-3,
    decay="own",
    evaluated=evaluated,
    trained=trained,
    source=SOURCE,
)
