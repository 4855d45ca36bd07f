"""Half a cosine down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Schedule


@dataclass(frozen=True, slots=True)
class Cosine(Schedule):
    """From 1 to `floor` along half a cosine in `total` steps, then `floor`.

        factor(t) = floor + (1 − floor)·(1 + cos(π·min(t, total)/total))/2

    >>> fall = Cosine(100, floor=0.1)
    >>> fall(0), round(fall(50), 3), fall(100), fall(500)
    (1.0, 0.55, 0.1, 0.1)

    Args:
        total: Length; None: what is left of the run.
        floor: Factor at the end.

    Source: Loshchilov & Hutter 2017, equation 5, one cycle.
    """

    total: Time | None = None
    floor: float = 0.0
    source: ClassVar[Source] = Source(
        "Loshchilov & Hutter", 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arxiv="1608.03983"
    )
    formula: ClassVar = "factor(t) = floor + (1 − floor)·(1 + cos(π·t/total))/2"
    example: ClassVar = "cosine"
    lengths: ClassVar = {"total": STEPS}
    span: ClassVar = "total"
    bounds: ClassVar = {"floor": FACTOR}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        share = min(t / self._steps("total"), 1.0)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * share)) / 2
