"""Exponential decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import STEPS, Schedule


@dataclass(frozen=True, slots=True)
class Exponential(Schedule):
    """The same share lost in each stretch of time.

        factor(t) = e^(−rate·t/per)

    torch's `ExponentialLR(gamma)` is `Exponential(-log(gamma))`.

    >>> round(Exponential(rate=0.01)(100), 4)
    0.3679

    Args:
        rate: k of e^(−k·t).
        per: The unit of its t: 1 step, or "1 epoch", or "100%" for a fall by e^(−rate) over the whole run.

    Source: Bengio 2012, section 3.1.1, among the schedules that need no tuning of more than one number.
    """

    rate: float
    per: Time = 1
    source: ClassVar[Source] = Source(
        "Bengio", 2012, "Practical Recommendations for Gradient-Based Training of Deep Architectures", arxiv="1206.5533"
    )
    formula: ClassVar = "factor(t) = e^(−rate·t/per)"
    example: ClassVar = "exponential(rate=5, per=100%)"
    lengths: ClassVar = {"per": STEPS}
    bounds: ClassVar = {"rate": NON_NEGATIVE}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return math.exp(-self.rate * t / self._steps("per"))
