"""Lengths of training time: steps, epochs, samples, or a share of the run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from ravine.core.errors import BadValue, refusal


class Unit(StrEnum):
    """What a length counts."""

    STEPS = "steps"
    EPOCHS = "epochs"
    SAMPLES = "samples"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """What turns any length into steps: how this run is cut up."""

    steps_per_epoch: int
    batch_size: int
    total_steps: int


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
        """Read 100, "100", "100 steps", "3 epochs", "3ep", "50000 samples", "5%" or "0.05 share"."""
        if isinstance(text, Length):
            return text
        if isinstance(text, int | float):
            return cls(float(text))._checked(text)
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            raise BadValue(refusal("length", "a length", _MUST, text))
        amount = float(found["amount"])
        unit = _UNITS[found["unit"] or "steps"]
        return cls(amount / 100 if found["unit"] == "%" else amount, unit)._checked(text)

    def steps(self, clockwork: Clockwork) -> int:
        """This length in whole optimizer steps, rounded to the nearest."""
        match self.unit:
            case Unit.STEPS:
                exact = self.amount
            case Unit.EPOCHS:
                exact = self.amount * clockwork.steps_per_epoch
            case Unit.SAMPLES:
                exact = self.amount / clockwork.batch_size
            case Unit.SHARE:
                exact = self.amount * clockwork.total_steps
        return round(exact)

    def _checked(self, given: object) -> Length:
        top = 1.0 if self.unit is Unit.SHARE else math.inf
        if not (0 <= self.amount <= top and math.isfinite(self.amount)):
            raise BadValue(refusal("length", "a length", _MUST, given))
        return self

    def __str__(self) -> str:
        if self.unit is Unit.SHARE:
            return f"{100 * self.amount:g}%"
        return f"{self.amount:g} {self.unit.value}"


_MUST = "read like 100, '100 steps', '3 epochs', '50000 samples' or '5%'"
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
    r"(?P<amount>\d+(?:\.\d*)?(?:e\d+)?)\s*(?P<unit>%|" + "|".join(n for n in _UNITS if n != "%") + r")?"
)
