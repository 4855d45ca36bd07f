"""Cosines that start again: SGDR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.schedules.schedule import check_factors, check_steps


@dataclass(frozen=True, slots=True)
class CosineRestarts:
    """Cosines from 1 to `floor`; each is `growth` times as long as the one before.

        factor(t) = floor + (1 − floor)·(1 + cos(π·u/T))/2, u steps into a cycle of T steps

    >>> waves = CosineRestarts(first=10, growth=2)
    >>> [round(waves(t), 2) for t in (0, 5, 9.999, 10, 20, 30)]
    [1.0, 0.5, 0.0, 1.0, 0.5, 1.0]

    Source: Loshchilov & Hutter 2017, equation 5.
    """

    first: float
    growth: float = 1.0
    floor: float = 0.0
    source: ClassVar[Source] = Source(
        "Loshchilov & Hutter", 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arxiv="1608.03983"
    )

    def __post_init__(self) -> None:
        check_steps(self, first=self.first)
        Interval(1.0, right_open=True).check("cosine-restarts", "growth", self.growth)
        check_factors(self, floor=self.floor)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        inside, length = self._place(t)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * inside / length)) / 2

    def _place(self, t: float) -> tuple[float, float]:
        """Steps into the current cycle, and its length."""
        if self.growth == 1:
            return t % self.first, self.first
        inside, length = t, self.first
        while inside >= length:  # lengths grow, so few turns
            inside -= length
            length *= self.growth
        return inside, length
