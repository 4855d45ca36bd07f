"""What a schedule is: a function of time alone, whose lengths may wait for the run they are fitted to."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.core.time import Clockwork, Length, Time, Unit

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from ravine.schedules.on import Scheduler

STEPS = Interval(1.0, right_open=True)
"""[1, ∞): a number of steps; fractions are allowed, schedules are functions of real time."""

MOMENT = Interval(0.0, right_open=True)
"""[0, ∞): a place in time."""

FACTOR = Interval(0.0, right_open=True)
"""[0, ∞): a factor of the base rate."""

Momenta = tuple[float, float]
"""The lowest and the highest momentum of a schedule that moves it against the rate."""


class Schedule(ABC):
    """Step t, counted from 0 → factor of the base learning rate.

    A member is a frozen dataclass: it remembers nothing, so that training resumes at any step
    exactly. Lengths may be plain steps, or texts such as "5%", "2 epochs" and "10_000 samples",
    which `fitted` turns into steps. `str` gives the text that `parse` reads back.

    Attributes:
        source: Where it comes from.
        formula: In a line.
        example: A text that makes one, for any run.
        lengths: Its fields that are lengths, with the least number of steps each may be.
        listed: The one of them that is a list of lengths, "" when none is.
        span: The one of them that says when it ends; "" when it has no end of its own. None
            there means: as long as there is time.
        bounds: Its fields that are numbers, with what they may be.
        options: Its fields that are words, with the words they may be.
    """

    __slots__ = ()

    source: ClassVar[Source]
    formula: ClassVar[str]
    example: ClassVar[str]
    lengths: ClassVar[Mapping[str, Interval]] = {}
    listed: ClassVar[str] = ""
    span: ClassVar[str] = ""
    bounds: ClassVar[Mapping[str, Interval]] = {}
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        for name, least in self.lengths.items():
            object.__setattr__(self, name, self._read(name, getattr(self, name), least))
        for name, interval in self.bounds.items():
            check_number(self, name, getattr(self, name), interval)
        for name, allowed in self.options.items():
            check_choice(self, name, getattr(self, name), allowed)
        self._check()

    @abstractmethod
    def __call__(self, t: float) -> float:
        """The factor of the base rate at step t ≥ 0."""

    @property
    def rises(self) -> bool:
        """Whether it begins low by itself and needs no warmup before it."""
        return False

    @property
    def cycles_momentum(self) -> bool:
        """Whether it moves the momentum too."""
        return False

    def momentum_at(self, t: float) -> float | None:  # noqa: ARG002 (one signature for all schedules)
        """The momentum, or Adam's β₁, at step t ≥ 0; None leaves the optimizer its own."""
        return None

    @property
    def ready(self) -> bool:
        """Whether every length is a number of steps, so that the schedule can be called."""
        return all(_is_ready(getattr(self, name)) for name in self.lengths)

    def takes(self, run: Clockwork | None = None) -> float | None:
        """Steps until its end, parts of a step included; None where it has no end of its own.

        Raises:
            BadValue: The length is no number of steps yet, and `run` is not given.
        """
        return self._exact(self.span, run) if self.span else None

    def fitted(self, run: Clockwork | int) -> Schedule:
        """The same schedule with every length in steps.

        Args:
            run: How long the run is; a number of steps is enough where no length counts epochs or samples.

        Raises:
            BadValue: It is longer than the run.
        """
        clockwork = run if isinstance(run, Clockwork) else Clockwork(total_steps=run)
        if clockwork.total_steps < 1:
            raise BadValue(refusal("schedule", "total_steps", "be at least 1", clockwork.total_steps))
        found = self._filling(clockwork, float(clockwork.total_steps))
        takes = found.takes()
        if takes is not None and takes > clockwork.total_steps * (1 + 1e-9):
            raise longer_than_run(self, takes, clockwork)
        return found

    def on(self, optimizer: Optimizer, run: Clockwork | int | None = None, *, done: int = 0) -> Scheduler:
        """A torch `LRScheduler` that sets the rates of `optimizer`, each group's from its own base rate.

        Args:
            optimizer: Of torch or of Ravine. The rates it has now are the base rates.
            run: What lengths such as "5%" are fitted to; not needed when all are plain steps.
            done: Steps that the training has behind it.
        """
        from ravine.schedules.on import Scheduler

        return Scheduler(optimizer, self if run is None else self.fitted(run), done=done)

    def __rshift__(self, after: Any) -> Any:
        """This one, then `after`: `Warmup("5%") >> Cosine()`."""
        from ravine.schedules.join import join

        return join(self, after)

    def __gt__(self, after: object) -> bool:
        raise BadValue(
            "schedule: one after the other is written with >> in Python, which reads a > b > c as two comparisons; "
            "> is for texts."
        )

    def __mul__(self, by: float | Schedule) -> Schedule:
        from ravine.schedules.scale import scale

        return scale(self, by)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return called(self)

    def _check(self) -> None:  # noqa: B027 (most have nothing to add)
        """Refuse what no single field can be refused for."""

    def _filling(self, run: Clockwork, left: float) -> Schedule:
        """With every length in steps, given `left` steps to fill."""
        found = {name: self._whole(name, run, left) for name in self.lengths}
        return dataclasses.replace(self, **found)  # type: ignore[type-var]

    def _whole(self, name: str, run: Clockwork, left: float) -> Any:
        """One length in whole steps; one that ends within a step of what is left ends with it."""
        given = getattr(self, name)
        if isinstance(given, tuple):
            return tuple(self._in_run(name, length, run) for length in given)
        if name == self.span:
            if given is None:
                return left
            if isinstance(given, Length) and abs(given.exact_steps(run) - left) <= 1:
                return left
        return self._in_run(name, given, run)

    def _in_run(self, name: str, given: Time, run: Clockwork) -> float:
        least = self.lengths[name].low
        found = max(round(given.exact_steps(run)), least) if isinstance(given, Length) else float(given)
        if found > run.total_steps:
            must = f"not be longer than the run of {_counted(run.total_steps)}"
            raise BadValue(refusal(name_of(self), name, must, str(given), "Shorten it or train longer."))
        return found

    def _exact(self, name: str, run: Clockwork | None) -> float | None:
        given = getattr(self, name)
        if given is None or isinstance(given, _NUMBER):
            return given
        if run is None:
            return self._steps(name)
        exact: float = given.exact_steps(run)
        return exact

    def _steps(self, name: str) -> float:
        """The length `name`, which must be a number by now."""
        found = getattr(self, name)
        if isinstance(found, _NUMBER):
            return found
        told = "as long as the run" if found is None else f"{str(found)!r}"
        raise BadValue(
            f"{name_of(self)}: {name} is {told} and no number of steps yet. Say how long the run is: "
            ".fitted(total_steps), .fitted(Clockwork(...)), or .on(optimizer, run)."
        )

    def _read(self, name: str, given: Any, least: Interval) -> Any:
        """A length as a number of steps or a `Length`; None and sequences where the field allows them."""
        fields: dict[str, dataclasses.Field[Any]] = self.__dataclass_fields__  # type: ignore[attr-defined]
        if given is None and fields[name].default is None:
            return None
        if name == self.listed and isinstance(given, list | tuple):
            return tuple(self._read(name, one, least) for one in given)
        if isinstance(given, bool) or not isinstance(given, int | float | str | Length):
            raise BadValue(refusal(name_of(self), name, _MUST, given))
        if isinstance(given, int | float):
            return least.check(name_of(self), name, given, "Lengths are in steps.")
        try:
            length = Length.parse(given)
        except BadValue:
            raise BadValue(refusal(name_of(self), name, _MUST, given)) from None
        if length.unit is Unit.STEPS:
            return self._read(name, _plain(length.amount), least)
        if length.amount == 0 and least.low > 0:
            raise BadValue(refusal(name_of(self), name, "be longer than nothing", given))
        return length


_NUMBER = (int, float)
_MUST = "be a length such as 100, '5%', '2 epochs' or '10_000 samples'"
_MOMENTUM = Interval(0.0, 1.0, right_open=True)


def name_of(schedule: object) -> str:
    """The public name of a schedule or its class: that of its file, with hyphens."""
    kind = schedule if isinstance(schedule, type) else type(schedule)
    return kind.__module__.rpartition(".")[2].replace("_", "-")


def called(schedule: Any) -> str:
    """A dataclass as the text that makes it: its name, and each field that differs from its default."""
    words = [
        f"{field.name}={spelled(getattr(schedule, field.name))}"
        for field in dataclasses.fields(schedule)
        if getattr(schedule, field.name) != field.default
    ]
    return f"{name_of(schedule)}({', '.join(words)})" if words else name_of(schedule)


def check_number(owner: object, name: str, value: Any, interval: Interval) -> None:
    """Refuse what is no number or out of bounds, with `owner` as owner."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(refusal(name_of(owner), name, "be a number", value))
    interval.check(name_of(owner), name, value)


def check_choice(owner: object, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the allowed."""
    if value not in allowed:
        raise BadValue(refusal(name_of(owner), name, f"be one of {', '.join(allowed)}", value))


def check_schedule(owner: object, name: str, value: object) -> None:
    """Refuse what is no schedule."""
    if not isinstance(value, Schedule):
        raise BadValue(refusal(name_of(owner), name, "be a schedule", value))


def check_momenta(schedule: object, momenta: Any) -> Momenta | None:
    """A pair (low, high) in [0, 1), or None."""
    if momenta is None:
        return None
    pair = tuple(momenta) if isinstance(momenta, list | tuple) else ()
    if (
        len(pair) != 2
        or not all(isinstance(m, int | float) and _MOMENTUM.contains(m) for m in pair)
        or pair[0] > pair[1]
    ):
        must = "be a pair of the lowest and the highest in [0, 1)"
        raise BadValue(refusal(name_of(schedule), "momentum", must, momenta))
    return pair[0], pair[1]


def longer_than_run(schedule: object, takes: float, run: Clockwork) -> BadValue:
    """The error for a schedule that needs more steps than there are."""
    return BadValue(
        f"schedule: {schedule} takes {_counted(takes)}, longer than the run of {_counted(run.total_steps)}. "
        "Train longer, or write its lengths as shares of the run: 5%."
    )


def _is_ready(length: object) -> bool:
    if isinstance(length, tuple):
        return all(map(_is_ready, length))
    return isinstance(length, _NUMBER)


def _counted(steps: float) -> str:
    return "1 step" if steps == 1 else f"{_plain(steps):,} steps"


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def spelled(value: Any) -> str:
    """A value as it stands in a text."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(spelled, value))}]"
    if isinstance(value, bool | None):
        return str(value).lower()
    return repr(_plain(value)) if isinstance(value, float) else str(value)
