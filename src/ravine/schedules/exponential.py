"""Exponential decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source


@dataclass(frozen=True, slots=True)
class Exponential:
    """The same share lost at each step.

        factor(t) = e^(−rate·t)

    torch's `ExponentialLR(gamma)` is `Exponential(-log(gamma))`.

    >>> round(Exponential(rate=0.01)(100), 4)
    0.3679

    Source: Bengio 2012, section 3.1.1, among the schedules that need no tuning of more than one number.
    """

    rate: float
    source: ClassVar[Source] = Source(
        "Bengio", 2012, "Practical Recommendations for Gradient-Based Training of Deep Architectures", arxiv="1206.5533"
    )

    def __post_init__(self) -> None:
        NON_NEGATIVE.check("exponential", "rate", self.rate)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return math.exp(-self.rate * t)
