"""One rise, one long fall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.schedules.schedule import check_choice, check_factors, check_steps

SHAPES = ("cosine", "linear")


@dataclass(frozen=True, slots=True)
class OneCycle:
    """From `start` up to 1 in the share `rise` of the run, then down to `end` at its last step.

        top = rise·total − 1,  last = total − 1
        factor(t) = between(start, 1, t/top)                     for t ≤ top
                    between(1, end, (t − top)/(last − top))      after that, `end` beyond the run
        between(a, b, s) = b + (a − b)·(1 + cos πs)/2 (cosine) or a + (b − a)·s (linear)

    The same numbers as torch's `OneCycleLR` with `div_factor=25, final_div_factor=1e4`.

    >>> cycle = OneCycle(total=100)
    >>> round(cycle(0), 9), cycle(29), cycle(99)
    (0.04, 1.0, 4e-06)

    Source: Smith & Topin 2018.
    """

    total: float
    rise: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25 / 1e4
    shape: str = "cosine"
    source: ClassVar[Source] = Source(
        "Smith & Topin", 2018, "Super-Convergence: Very Fast Training Using Large Learning Rates", arxiv="1708.07120"
    )

    def __post_init__(self) -> None:
        check_steps(self, total=self.total)
        check_factors(self, start=self.start, end=self.end)
        check_choice(self, "shape", self.shape, SHAPES)
        Interval(0.0, 1.0, left_open=True, right_open=True).check("one-cycle", "rise", self.rise)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        top, last = self.rise * self.total - 1, self.total - 1
        if t <= top:
            return self._between(self.start, 1.0, t / top if top > 0 else 1.0)
        return self._between(1.0, self.end, min((t - top) / (last - top), 1.0))

    def _between(self, a: float, b: float, share: float) -> float:
        if self.shape == "linear":
            return a + (b - a) * share
        return b + (a - b) / 2 * (1 + math.cos(math.pi * share))
