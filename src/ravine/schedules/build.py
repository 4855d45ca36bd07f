"""A recipe's word for a schedule, fitted to the length of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ravine.core.catalogue import Catalogue
from ravine.core.errors import BadValue, refusal
from ravine.schedules.constant import Constant
from ravine.schedules.cosine import Cosine
from ravine.schedules.join import join
from ravine.schedules.linear import Linear
from ravine.schedules.one_cycle import OneCycle
from ravine.schedules.schedule import Schedule
from ravine.schedules.step import Step
from ravine.schedules.warmup import Warmup


@dataclass(frozen=True, slots=True)
class Plan:
    """How a named schedule fills `steps` steps; `rises` says that it brings its own warmup."""

    name: str
    fill: Callable[[int], Schedule]
    rises: bool = False


PLANS: Catalogue[Plan] = Catalogue(
    "schedule",
    [
        Plan("cosine", Cosine),
        Plan("one-cycle", OneCycle, rises=True),
        Plan("constant", lambda steps: Constant()),  # noqa: ARG005 (a plan is given the steps)
        Plan("linear", Linear),
        Plan("step", lambda steps: Step(every=max(1, -(-steps // 3)), factor=0.1)),
    ],
    name=lambda plan: plan.name,
)


def build(name: str, *, total_steps: int, warmup_steps: int = 0) -> Schedule:
    """The schedule called `name` for a run of `total_steps`, after a linear warmup.

    The warmup's first step already moves: it starts at 1/(warmup_steps + 1). "step" falls to a
    tenth at each third of what follows the warmup. "one-cycle" brings its own rise, 30% of the
    run, and takes no other warmup.

    Raises:
        BadValue: An unknown name; a run without steps; a warmup as long as the run.

    >>> plan = build("cosine", total_steps=100, warmup_steps=4)
    >>> plan(0), plan(4), plan(100)
    (0.2, 1.0, 0.0)
    """
    plan = PLANS[name]
    if total_steps < 1:
        raise BadValue(refusal("schedule", "total_steps", "be at least 1", total_steps))
    if warmup_steps < 0 or (warmup_steps >= total_steps and warmup_steps > 0):
        must = f"be in [0, {total_steps}), the steps of the run"
        raise BadValue(refusal("schedule", "warmup", must, warmup_steps, "Shorten the warmup or train longer."))
    if plan.rises or warmup_steps == 0:
        return plan.fill(total_steps)
    rise = Warmup(warmup_steps, start=1 / (warmup_steps + 1))
    return join(rise, plan.fill(total_steps - warmup_steps), at=[warmup_steps])
