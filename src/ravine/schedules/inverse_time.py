"""1/t decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import NON_NEGATIVE, POSITIVE
from ravine.core.sources import Source


@dataclass(frozen=True, slots=True)
class InverseTime:
    """Falls like 1/t: sums to infinity, its square does not, as stochastic approximation asks.

        factor(t) = 1/(offset + rate·t)

    With offset 1 it is the common α₀/(1 + k·t); with rate 1 and offset C it is 1/(C + t).

    >>> InverseTime(rate=0.1)(10), InverseTime(rate=1, offset=4)(4)
    (0.5, 0.125)

    Source: Robbins & Monro 1951.
    """

    rate: float
    offset: float = 1.0
    source: ClassVar[Source] = Source(
        "Robbins & Monro", 1951, "A Stochastic Approximation Method", "Ann. Math. Statist. 22"
    )

    def __post_init__(self) -> None:
        NON_NEGATIVE.check("inverse-time", "rate", self.rate)
        POSITIVE.check("inverse-time", "offset", self.offset)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return 1.0 / (self.offset + self.rate * t)
