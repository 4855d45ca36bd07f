"""Cosines that start again: SGDR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Schedule


@dataclass(frozen=True, slots=True)
class CosineRestarts(Schedule):
    """Cosines from 1 to `floor`; each is `growth` times as long as the one before.

        factor(t) = floor + (1 − floor)·(1 + cos(π·u/T))/2, u steps into a cycle of T steps

    >>> waves = CosineRestarts(first=10, growth=2)
    >>> [round(waves(t), 2) for t in (0, 5, 9.999, 10, 20, 30)]
    [1.0, 0.5, 0.0, 1.0, 0.5, 1.0]

    Args:
        first: Length of the first cosine.
        growth: How many times as long each is as the one before.
        floor: Factor at the end of each.

    Source: Loshchilov & Hutter 2017, equation 5.
    """

    first: Time
    growth: float = 1.0
    floor: float = 0.0
    source: ClassVar[Source] = Source(
        "Loshchilov & Hutter", 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arxiv="1608.03983"
    )
    formula: ClassVar = "factor(t) = floor + (1 − floor)·(1 + cos(π·u/T))/2, u steps into a cycle of T"
    example: ClassVar = "cosine-restarts(first=10%, growth=2)"
    lengths: ClassVar = {"first": STEPS}
    bounds: ClassVar = {"growth": Interval(1.0, right_open=True), "floor": FACTOR}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        inside, length = self._place(t)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * inside / length)) / 2

    def _place(self, t: float) -> tuple[float, float]:
        """Steps into the current cycle, and its length."""
        first = self._steps("first")
        if self.growth == 1:
            return t % first, first
        inside, length = t, first
        while inside >= length:  # lengths grow, so few turns
            inside -= length
            length *= self.growth
        return inside, length
