"""Schedule-Free SGD: an average of the path instead of a falling rate."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import NON_NEGATIVE, Interval
from ravine.core.sources import Source
from ravine.rules.arithmetic import where
from ravine.rules.rule import Rates, Rule

SOURCE = Source("Defazio et al.", 2024, "The Road Less Scheduled", arxiv="2405.15682")

MIXED = Interval(0.0, 1.0, left_open=True)
"""(0, 1]: at 0 the average could not be told from the parameter."""


class ScheduleFreeSGDState(NamedTuple):
    """What Schedule-Free SGD remembers."""

    z: Any  # like p, starts at 0, unread at t = 1: where plain SGD would be


class AveragingClock(NamedTuple):
    """What of the averaging depends on the step alone."""

    lr: float  # αₜ
    weight: float  # cₜ, the share of the new z in the average
    pull: float  # cₜ/αₜ
    first: float  # 1 at t = 1, when z is p


def averaging(t: int, rates: Rates) -> AveragingClock:
    """The clock of Schedule-Free averaging at step t.

    A step counts by the square of the largest rate so far, as the authors' code has it: the
    paper's γₜ² as long as the rate only rises. At αₜ = 0 nothing moves.
    """
    if rates.now == 0:
        return AveragingClock(0.0, 0.0, 0.0, float(t == 1))
    weight = rates.top * rates.top / rates.weight
    return AveragingClock(rates.now, weight, weight / rates.now, float(t == 1))


def clock(t: int, *, rates: Rates) -> AveragingClock:
    """The clock of Schedule-Free SGD at step t."""
    return averaging(t, rates)


def averaged_step(d: Any, p: Any, z: Any, c: Any, beta: Any) -> tuple[Any, Any]:
    """Direction of p and the new z, both shape (*), from the direction d of z."""
    before = where(c.first > 0, p, z)
    return (1 - beta * (1 - c.weight)) * d + c.pull * (p - before), before - c.lr * d


def average_point(p: Any, z: Any, beta: Any) -> Any:
    """X from p = (1 − β)·z + β·x, shape (*)."""
    return p + (1 / beta - 1) * (p - z)


def training_point(x: Any, z: Any, beta: Any) -> Any:
    """(1 − β)·z + β·x, shape (*)."""
    return z + beta * (x - z)


def evaluated(p: Any, s: ScheduleFreeSGDState, *, momentum: Any) -> Any:
    """The average x, shape (*): the point to evaluate, save and deploy."""
    return average_point(p, s.z, momentum)


def trained(x: Any, s: ScheduleFreeSGDState, *, momentum: Any) -> Any:
    """The point p, shape (*), at which gradients are taken, from the average x."""
    return training_point(x, s.z, momentum)


def schedule_free_sgd(
    g: Any, p: Any, s: ScheduleFreeSGDState, c: AveragingClock, *, momentum: Any = 0.9, weight_decay: Any = 0.0
) -> tuple[Any, ScheduleFreeSGDState]:
    """Direction of one step of Schedule-Free SGD; the driver applies p ← p − lr·u.

        d = g + λ·p
        z ← z − α·d
        x ← (1 − c)·x + c·z        c = αₜ² / Σ αᵢ²
        p ← (1 − β)·z + β·x

    Three points move: z as plain SGD would, x as the weighted average of all z, and between the
    two the parameter p, where gradients are taken. The model to evaluate is x. It is not
    stored, since p and z determine it. In one line, which is what is computed,

        u = (1 − β·(1 − c))·d + c/α·(p − z)

    What the driver does, once at least one step was taken: before the model is evaluated or
    saved for use it replaces p by `evaluated(p, state)`, before training goes on by
    `trained(x, state)`, and in between it refuses to step. It applies no decay of its own. The
    rate is held constant, after a warm-up if any.

    Args:
        g: Gradient at p, shape (*).
        p: Parameter, shape (*).
        s: State after step t − 1, shape (*).
        c: α and c at step t.
        momentum: β, how far p is from z towards x, in (0, 1].
        weight_decay: λ, per unit of learning rate, at p.

    Returns:
        u, shape (*), in the unit of g; and the state after step t.

    Source: Defazio et al. 2024, eqs. 1–3.
    """
    u, z = averaged_step(g + weight_decay * p, p, s.z, c, momentum)
    return u, ScheduleFreeSGDState(z)


SCHEDULE_FREE_SGD = Rule(
    name="schedule_free_sgd",
    update=schedule_free_sgd,
    clock=clock,
    state=ScheduleFreeSGDState,
    formula="z ← z − αg; x ← (1 − c)x + cz; p ← (1 − β)z + βx",
    bounds={"momentum": MIXED, "weight_decay": NON_NEGATIVE},
    lr=1.0,
    decay="own",
    evaluated=evaluated,
    trained=trained,
    source=SOURCE,
)
