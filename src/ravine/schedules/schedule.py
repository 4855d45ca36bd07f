"""What a schedule is: a function of time alone."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.core.sources import Source

STEPS = Interval(1.0, right_open=True)
"""[1, ∞): a number of steps; fractions are allowed, schedules are functions of real time."""

FACTOR = Interval(0.0, right_open=True)
"""[0, ∞): a factor of the base rate."""


@runtime_checkable
class Schedule(Protocol):
    """Step t, counted from 0 → factor of the base learning rate.

    A member is a frozen dataclass: it remembers nothing, so that training resumes at any step
    exactly, and it prints as what would build it again.
    """

    source: ClassVar[Source]

    def __call__(self, t: float) -> float:
        """The factor of the base rate at step t ≥ 0."""
        ...


def name_of(schedule: object) -> str:
    """The public name of a schedule or its class: that of its file, with hyphens."""
    kind = schedule if isinstance(schedule, type) else type(schedule)
    return kind.__module__.rpartition(".")[2].replace("_", "-")


def check_steps(schedule: object, **lengths: float) -> None:
    """Refuse lengths below one step, with the schedule as owner."""
    for name, value in lengths.items():
        STEPS.check(name_of(schedule), name, value, "Lengths are in steps.")


def check_factors(schedule: object, **factors: float) -> None:
    """Refuse factors below 0, with the schedule as owner."""
    for name, value in factors.items():
        FACTOR.check(name_of(schedule), name, value)


def check_choice(schedule: object, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the allowed."""
    if value not in allowed:
        raise BadValue(refusal(name_of(schedule), name, f"be one of {', '.join(allowed)}", value))
