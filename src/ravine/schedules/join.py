"""One schedule after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.core.time import Clockwork, Length, Time
from ravine.schedules.schedule import MOMENT, Schedule, check_schedule, longer_than_run, spelled
from ravine.schedules.warmup import Warmup


@dataclass(frozen=True, slots=True)
class Joined(Schedule):
    """Schedules in a row; each counts time from its own beginning.

        factor(t) = schedules[k](t − at[k − 1]) with k = |{a ∈ at : a ≤ t}|

    The same as torch's `SequentialLR`, which counts in the same way.

    Args:
        schedules: Two or more.
        at: When each but the first begins; None: each when the one before it is over. Then one of
            them, and no more, may have no length of its own: it takes what the others leave.

    Source: Goyal et al. 2017, section 2.2: a warmup, then the schedule proper.
    """

    schedules: tuple[Schedule, ...]
    at: Sequence[Time] | None = None
    source: ClassVar[Source] = Source(
        "Goyal et al.", 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arxiv="1706.02677"
    )
    formula: ClassVar = "factor(t) = schedules[k](t − at[k − 1])"
    example: ClassVar = "warmup(5%) > cosine"
    lengths: ClassVar = {"at": MOMENT}
    listed: ClassVar = "at"

    def _check(self) -> None:
        for schedule in self.schedules:
            check_schedule(self, "each", schedule)
        if len(self.schedules) < 2:
            raise BadValue(refusal("join", "schedules", "be at least two", len(self.schedules)))
        if self.at is None:
            self._check_open()
            object.__setattr__(self, "at", natural_ends(self.schedules))
        if self.at is None:
            return
        if len(self.at) != len(self.schedules) - 1:
            must = f"name {len(self.schedules) - 1} times, one between each two of {len(self.schedules)} schedules"
            raise BadValue(refusal("join", "at", must, self.at))
        if not any(isinstance(moment, Length) for moment in self.at):
            if list(self.at) != sorted(self._moments()):
                raise BadValue(refusal("join", "at", "be in rising order", self.at))
            object.__setattr__(self, "schedules", _meeting(self.schedules))

    @property
    def rises(self) -> bool:
        """Whether the first does."""
        return self.schedules[0].rises

    @property
    def cycles_momentum(self) -> bool:
        """Whether any does."""
        return any(schedule.cycles_momentum for schedule in self.schedules)

    @property
    def ready(self) -> bool:
        """Whether every part is, and it is known when each begins."""
        known = self.at is not None and not any(isinstance(moment, Length) for moment in self.at)
        return known and all(part.ready for part in self.schedules)

    def takes(self, run: Clockwork | None = None) -> float | None:
        """Steps until the end of the last."""
        last = self.schedules[-1].takes(run)
        if self.at is not None:
            begins = self.at[-1]
            steps = begins.exact_steps(run) if isinstance(begins, Length) and run is not None else begins
            return None if last is None or not isinstance(steps, int | float) else steps + last
        parts = [schedule.takes(run) for schedule in self.schedules]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        schedule, inside = self._place(t)
        return schedule(inside)

    def momentum_at(self, t: float) -> float | None:
        """The momentum at step t, of the schedule whose turn it is."""
        schedule, inside = self._place(t)
        return schedule.momentum_at(inside)

    def __str__(self) -> str:
        if self.at is not None and self.at != natural_ends(self.schedules):
            return f"join({', '.join(map(str, self.schedules))}, at={spelled(tuple(self.at))})"
        return " > ".join(f"({part})" if isinstance(part, Joined) else str(part) for part in self.schedules)

    def _check_open(self) -> None:
        open_ones = [str(part) for part in self.schedules if _is_open(part)]
        if len(open_ones) > 1:
            raise BadValue(
                f"join: {self}: {' and '.join(open_ones)} have no length of their own, and only one may take what the "
                "others leave. Give lengths, or say when each begins: join(..., at=[50%])."
            )

    def _place(self, t: float) -> tuple[Schedule, float]:
        at = self._moments()
        k = bisect_right(at, t)
        return self.schedules[k], t - at[k - 1] if k else t

    def _moments(self) -> Sequence[float]:
        if self.at is None:
            raise BadValue(
                f"join: {self}: where one ends and the next begins depends on how long the run is. "
                "Say it: .fitted(total_steps), .fitted(Clockwork(...)), or .on(optimizer, run)."
            )
        return self.at  # type: ignore[return-value]

    def _filling(self, run: Clockwork, left: float) -> Schedule:
        begins = [0.0, *self._begins(run, left), left]
        parts = []
        for part, begin, end in zip(self.schedules, begins, begins[1:], strict=False):
            if begin < end:  # what is shorter than half a step falls away
                parts.append((begin, part._filling(run, end - begin)))
        if len(parts) == 1:
            return parts[0][1]
        return Joined(tuple(part for _, part in parts), tuple(begin for begin, _ in parts[1:]))

    def _begins(self, run: Clockwork, left: float) -> list[float]:
        """When each but the first begins, in whole steps."""
        if self.at is not None:
            found = [float(self._in_run("at", moment, run)) for moment in self.at]
            if found[-1] >= left:
                raise longer_than_run(self, found[-1] + 1, run)
            return found
        spans = [part.takes(run) for part in self.schedules]
        known = sum(span for span in spans if span is not None)
        if known > left * (1 + 1e-9):
            raise longer_than_run(self, known, run)
        found, exact = [], 0.0
        for span in spans[:-1]:
            exact += left - known if span is None else span
            found.append(float(round(exact)))
        return found


def join(*schedules: Any, at: Sequence[Time] | Time | None = None) -> Any:
    """The given schedules one after the other.

    Args:
        schedules: At least two; the last may be a `Plateau`, which then listens from there on.
        at: When each but the first begins; None: each when the one before it is over.

    >>> from ravine.schedules import Cosine, Warmup
    >>> plan = join(Warmup(10, start=0.1), Cosine(90))
    >>> plan(0), plan(10), plan(100)
    (0.1, 1.0, 0.0)
    >>> print((Warmup("5%") >> Cosine()).fitted(200))
    warmup(steps=10) > cosine(total=190)
    """
    if at is not None:
        return Joined(tuple(schedules), (at,) if isinstance(at, int | float | str | Length) else at)
    flat: list[Schedule] = []
    for schedule in schedules:
        in_a_row = isinstance(schedule, Joined) and schedule.at in (None, natural_ends(schedule.schedules))
        flat += schedule.schedules if in_a_row else [schedule]
    return Joined(tuple(flat))


def natural_ends(schedules: Sequence[Schedule]) -> tuple[float, ...] | None:
    """When each but the first begins if each follows the end of the one before; None where that is not known yet."""
    found, end = [], 0.0
    for schedule in schedules[:-1]:
        takes = schedule.takes() if schedule.ready else None
        if takes is None:
            return None
        end += takes
        found.append(end)
    return tuple(found)


def _is_open(part: Schedule) -> bool:
    """Whether it goes on for as long as there is time."""
    try:
        return part.takes() is None
    except BadValue:
        return False  # a length that waits for a run is one


def _meeting(schedules: tuple[Schedule, ...]) -> tuple[Schedule, ...]:
    """A warmup rises to where the schedule after it begins."""
    found = list(schedules)
    for k, (before, after) in enumerate(pairwise(schedules)):
        if isinstance(before, Warmup) and before.end is None and after.ready and after(0.0) != 1.0:
            found[k] = replace(before, end=after(0.0))
    return tuple(found)
