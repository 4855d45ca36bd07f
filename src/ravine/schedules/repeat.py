"""A schedule over and over."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.core.time import Clockwork, Time
from ravine.schedules.schedule import STEPS, Schedule, check_schedule, longer_than_run


@dataclass(frozen=True, slots=True)
class Repeated(Schedule):
    """A schedule that begins again each `every` steps, `times` times; after that its last round goes on.

        factor(t) = schedule(t − every·min(⌊t/every⌋, times − 1))

    Args:
        schedule: Of one round.
        times: How many rounds; None: as many as there is time for.
        every: Length of a round; None: as long as the schedule takes, or, where it has no length of
            its own, its part of what is left of the run.

    Source: Loshchilov & Hutter 2017, section 3: warm restarts.
    """

    schedule: Schedule
    times: int | None = None
    every: Time | None = None
    source: ClassVar[Source] = Source(
        "Loshchilov & Hutter", 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arxiv="1608.03983"
    )
    formula: ClassVar = "factor(t) = schedule(t − every·min(⌊t/every⌋, times − 1))"
    example: ClassVar = "repeat(cosine, times=4)"
    lengths: ClassVar = {"every": STEPS}

    def _check(self) -> None:
        check_schedule(self, "schedule", self.schedule)
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise BadValue(refusal("repeat", "times", "be a whole number of at least 1", self.times))
        if self.every is None and self.schedule.ready:
            object.__setattr__(self, "every", self.schedule.takes())

    @property
    def rises(self) -> bool:
        """Whether a round does."""
        return self.schedule.rises

    @property
    def cycles_momentum(self) -> bool:
        """Whether a round does."""
        return self.schedule.cycles_momentum

    @property
    def ready(self) -> bool:
        """Whether a round is, and its length is known."""
        return isinstance(self.every, int | float) and self.schedule.ready

    def takes(self, run: Clockwork | None = None) -> float | None:
        """Steps of all rounds."""
        every = self.schedule.takes(run) if self.every is None else self._exact("every", run)
        return None if every is None or self.times is None else every * self.times

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return self.schedule(self._inside(t))

    def momentum_at(self, t: float) -> float | None:
        """The momentum at step t."""
        return self.schedule.momentum_at(self._inside(t))

    def __str__(self) -> str:
        words = [str(self.schedule)]
        if self.times is not None:
            words.append(f"times={self.times}")
        if self.every is not None and not (self.schedule.ready and self.every == self.schedule.takes()):
            words.append(f"every={self.every}")
        return f"repeat({', '.join(words)})"

    def _inside(self, t: float) -> float:
        every = self._steps("every")
        done = math.floor(t / every + 1e-9)  # a round that begins with a step begins with it in floats too
        return max(t - every * (done if self.times is None else min(done, self.times - 1)), 0.0)

    def _filling(self, run: Clockwork, left: float) -> Schedule:
        if self.every is not None:
            every = self._in_run("every", self.every, run)
        elif (takes := self.schedule.takes(run)) is not None:
            every = takes if self.schedule.ready else max(1.0, float(round(takes)))
        elif self.times is not None:
            every = max(1.0, left / self.times)  # parts of a step too, so that the rounds fill the time exactly
        else:
            must = f"be given, or every, as {self.schedule} has no length of its own"
            raise BadValue(refusal("repeat", "times", must, None))
        if every > left:
            raise longer_than_run(self, every, run)
        return replace(self, schedule=self.schedule._filling(run, every), every=every)


def repeat(schedule: Schedule, times: int | None = None, *, every: Time | None = None) -> Repeated:
    """`schedule` over and over.

    Args:
        schedule: Of one round.
        times: How many rounds; None: as many as there is time for.
        every: Length of a round; None: as long as the schedule takes.

    >>> from ravine.schedules import Cosine
    >>> waves = repeat(Cosine(10))
    >>> waves(0), waves(10), waves(25)
    (1.0, 1.0, 0.5)
    """
    return Repeated(schedule, times, every)
