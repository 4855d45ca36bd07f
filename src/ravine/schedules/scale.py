"""A schedule times a number, or times another schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ravine.core.sources import Source
from ravine.core.time import Clockwork
from ravine.schedules.schedule import FACTOR, Schedule, check_number, check_schedule, spelled


@dataclass(frozen=True, slots=True)
class Scaled(Schedule):
    """A schedule times `by`; two schedules count the same time.

        factor(t) = schedule(t)·by  or  schedule(t)·by(t)

    The same as torch's `ChainedScheduler` of the two.

    Args:
        schedule: What is scaled; its momentum stays.
        by: A number, or a schedule.

    Source: Goyal et al. 2017, section 2.1: the rate times as much as the batch is larger.
    """

    schedule: Schedule
    by: float | Schedule
    source: ClassVar[Source] = Source(
        "Goyal et al.", 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arxiv="1706.02677"
    )
    formula: ClassVar = "factor(t) = schedule(t)·by"
    example: ClassVar = "warmup(5%) * step(every=30%)"

    def _check(self) -> None:
        check_schedule(self, "schedule", self.schedule)
        if not isinstance(self.by, Schedule):
            check_number(self, "by", self.by, FACTOR)

    @property
    def rises(self) -> bool:
        """Whether either does."""
        return any(part.rises for part in self._parts())

    @property
    def cycles_momentum(self) -> bool:
        """Whether either does."""
        return any(part.cycles_momentum for part in self._parts())

    @property
    def ready(self) -> bool:
        """Whether both are."""
        return all(part.ready for part in self._parts())

    def takes(self, run: Clockwork | None = None) -> float | None:
        """Steps of the longer, of which a warmup before what has no end is none."""
        spans = [part.takes(run) for part in self._parts()]
        known = [span for span in spans if span is not None]
        return max(known) if len(known) == len(spans) else None

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return self.schedule(t) * (self.by(t) if isinstance(self.by, Schedule) else self.by)

    def momentum_at(self, t: float) -> float | None:
        """The momentum at step t, of the first that moves it."""
        for part in self._parts():
            if part.cycles_momentum:
                return part.momentum_at(t)
        return None

    def __str__(self) -> str:
        by = f"({self.by})" if isinstance(self.by, Scaled) else _factor(self.by)
        return f"{_factor(self.schedule)} * {by}"

    def _parts(self) -> list[Schedule]:
        return [part for part in (self.schedule, self.by) if isinstance(part, Schedule)]

    def _filling(self, run: Clockwork, left: float) -> Schedule:
        by = self.by._filling(run, left) if isinstance(self.by, Schedule) else self.by
        return replace(self, schedule=self.schedule._filling(run, left), by=by)


def scale(schedule: Schedule, by: float | Schedule) -> Scaled:
    """`schedule` times `by`, which is a number or a schedule; the same as `schedule * by`.

    >>> from ravine.schedules import Linear, Step
    >>> scale(Linear(10), 0.5)(5), (Linear(10) * Step(every=5))(5)
    (0.25, 0.05)
    """
    return Scaled(schedule, by)


def _factor(part: float | Schedule) -> str:
    if not isinstance(part, Schedule):
        return spelled(float(part))
    return f"({part})" if " > " in str(part) else str(part)
