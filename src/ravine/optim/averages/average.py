"""What an average of the weights is: when weights are taken into it, and how much each of them counts."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.core.time import Clockwork, Length, Time

A = TypeVar("A", bound="Average")

Factor = Callable[[float], float]
"""Step, counted from 0 → factor of the base rate."""


class Average(ABC):
    """A kind of average, a frozen dataclass that remembers nothing; `Averaged` holds the tensors.

    Lengths may be plain steps, or texts such as "75%" and "1 epoch", which `fitted` turns into steps.

    Attributes:
        source: Where it comes from.
        lengths: Names of the fields that are lengths of time, each with its shortest in steps.
        bounds: Of the fields that are numbers.
        window: How many snapshots are kept beside each other; 0: none, the average is carried along.
        recomputes: Whether statistics of batch norm must be taken anew for it.
    """

    source: ClassVar[Source]
    lengths: ClassVar[dict[str, int]] = {}
    bounds: ClassVar[dict[str, Interval]] = {}
    recomputes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, interval in self.bounds.items():
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadValue(refusal(self.name, name, "be a number", value))
            interval.check(self.name, name, value)
        for name, least in self.lengths.items():
            self._length(name, least)

    @property
    def name(self) -> str:
        """The public name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def window(self) -> int:
        """How many snapshots are kept; 0 where the average is carried along."""
        return 0

    @property
    @abstractmethod
    def told(self) -> str:
        """What it does, for people."""

    @abstractmethod
    def due(self, step: int) -> bool:
        """Whether the weights after step number `step`, counted from 1, are taken; lengths must be steps."""

    @abstractmethod
    def weight(self, taken: int) -> float:
        """How much the weights taken as number `taken`, counted from 1, count against all before."""

    def tail(self, before: Factor) -> Factor:
        """The learning rate's factor, which only averages with a schedule of their own change."""
        return before

    def fitted(self: A, run: Clockwork) -> A:
        """The same average with every length in whole steps.

        Raises:
            BadValue: It begins after the run has ended.
        """
        steps = {name: max(self._length(name, least).steps(run), least) for name, least in self.lengths.items()}
        if steps.get("start", 0) > run.total_steps:
            must = f"lie within the run of {run.total_steps:,} steps"
            raise BadValue(refusal(self.name, "start", must, str(getattr(self, "start"))))  # noqa: B009 (some have none)
        return dataclasses.replace(self, **steps)  # type: ignore[type-var]

    def _length(self, name: str, least: int) -> Length:
        value: Time = getattr(self, name)
        if isinstance(value, bool):
            raise BadValue(refusal(self.name, name, "be a length such as '75%' or '1 epoch'", value))
        try:
            length = Length.parse(value)
        except BadValue as error:
            raise BadValue(f"{self.name}: {name}: {error}") from None
        if least and length.amount == 0:
            raise BadValue(refusal(self.name, name, "be longer than nothing", value))
        return length

    def _steps(self, name: str) -> int:
        """A length that must be whole steps by now."""
        value: Any = getattr(self, name)
        if type(value) is not int:
            raise BadValue(f"{self.name}: {name} is {value!r} and no number of steps yet. Call .fitted(run) first.")
        return value
