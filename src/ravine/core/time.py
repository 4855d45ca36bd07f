"""Lengths of training time: steps, epochs, samples, or a share of the run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ravine.core.errors import BadValue, refusal


class Unit(StrEnum):
    """What a length counts."""

    STEPS = "steps"
    EPOCHS = "epochs"
    SAMPLES = "samples"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """What turns any length into steps: how this run is cut up.

    Attributes:
        total_steps: Optimizer steps of the whole run.
        steps_per_epoch: None where nobody will ask for epochs.
        batch_size: Samples of one optimizer step; None where nobody will ask for samples.
    """

    total_steps: int
    steps_per_epoch: int | None = None
    batch_size: float | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """So much training time, in whichever unit it was given.

    >>> clockwork = Clockwork(steps_per_epoch=100, batch_size=32, total_steps=1000)
    >>> Length.parse("5%").steps(clockwork), Length.parse("2 epochs").steps(clockwork), Length.parse(7).steps(clockwork)
    (50, 200, 7)
    """

    amount: float
    unit: Unit = Unit.STEPS

    @classmethod
    def parse(cls, text: str | float | Length) -> Length:
        """Read 100, "100", "100 steps", "3 epochs", "3ep", "50_000 samples", "5%" or "0.05 share"."""
        if isinstance(text, Length):
            return text
        if isinstance(text, int | float):
            return cls(float(text))._checked(text)
        found = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
        if found is None:
            raise BadValue(refusal("length", "a length", _MUST, text))
        amount = float(found["amount"])
        unit = _UNITS[found["unit"] or "steps"]
        return cls(amount / 100 if found["unit"] == "%" else amount, unit)._checked(text)

    def steps(self, clockwork: Clockwork) -> int:
        """This length in whole optimizer steps, rounded to the nearest.

        Raises:
            BadValue: It counts epochs or samples, and the clockwork does not say how long these are.
        """
        return round(self.exact_steps(clockwork))

    def exact_steps(self, clockwork: Clockwork) -> float:
        """This length in optimizer steps, parts of a step included."""
        match self.unit:
            case Unit.STEPS:
                return self.amount
            case Unit.EPOCHS:
                return self.amount * self._known(clockwork.steps_per_epoch, "steps_per_epoch")
            case Unit.SAMPLES:
                return self.amount / self._known(clockwork.batch_size, "batch_size")
            case Unit.SHARE:
                return self.amount * clockwork.total_steps

    def _known(self, number: float | None, name: str) -> float:
        if number is None:
            raise BadValue(f"length: {self} can be turned into steps only where {name} is known; give it to Clockwork.")
        return number

    def _checked(self, given: object) -> Length:
        top = 1.0 if self.unit is Unit.SHARE else math.inf
        if not (0 <= self.amount <= top and math.isfinite(self.amount)):
            raise BadValue(refusal("length", "a length", _MUST, given))
        return self

    def __str__(self) -> str:
        if self.unit is Unit.SHARE:
            return f"{_shortest(100 * self.amount, lambda percent: percent / 100 == self.amount)}%"
        unit = self.unit.value.removesuffix("s") if self.amount == 1 else self.unit.value
        return f"{_shortest(self.amount, lambda amount: amount == self.amount)} {unit}"


Time: TypeAlias = float | str | Length
"""What a length of time may be given as; a plain number counts steps."""


def _shortest(number: float, suffices: Callable[[float], bool]) -> str:
    """The fewest digits that are read back as the same."""
    texts = (f"{number:.{digits}g}" for digits in range(6, 18))
    return next((text for text in texts if suffices(float(text))), repr(number))


_MUST = "read like 100, '100 steps', '3 epochs', '50_000 samples' or '5%'"
_UNITS = {
    "step": Unit.STEPS,
    "steps": Unit.STEPS,
    "ep": Unit.EPOCHS,
    "epoch": Unit.EPOCHS,
    "epochs": Unit.EPOCHS,
    "sample": Unit.SAMPLES,
    "samples": Unit.SAMPLES,
    "%": Unit.SHARE,
    "share": Unit.SHARE,
}
_FORM = re.compile(
    r"(?P<amount>\d+(?:_\d+)*(?:\.\d*)?(?:e[+-]?\d+)?)\s*(?P<unit>%|" + "|".join(n for n in _UNITS if n != "%") + r")?"
)
