"""1/t decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import NON_NEGATIVE, POSITIVE
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import STEPS, Schedule


@dataclass(frozen=True, slots=True)
class InverseTime(Schedule):
    """Falls like 1/t: sums to infinity, its square does not, as stochastic approximation asks.

        factor(t) = 1/(offset + rate·t/per)

    With offset 1 it is the common α₀/(1 + k·t); with rate 1 and offset C it is α₀/(C + t).

    >>> InverseTime(rate=0.1)(10), InverseTime(rate=1, offset=4)(4)
    (0.5, 0.125)

    Args:
        rate: k.
        offset: C.
        per: The unit of t: 1 step, or "1 epoch", or "100%" for the whole run.

    Source: Robbins & Monro 1951.
    """

    rate: float
    offset: float = 1.0
    per: Time = 1
    source: ClassVar[Source] = Source(
        "Robbins & Monro", 1951, "A Stochastic Approximation Method", "Ann. Math. Statist. 22"
    )
    formula: ClassVar = "factor(t) = 1/(offset + rate·t/per)"
    example: ClassVar = "inverse-time(rate=20, per=100%)"
    lengths: ClassVar = {"per": STEPS}
    bounds: ClassVar = {"rate": NON_NEGATIVE, "offset": POSITIVE}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return 1.0 / (self.offset + self.rate * t / self._steps("per"))
