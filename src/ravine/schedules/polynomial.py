"""A power of what is left of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import POSITIVE
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Schedule


@dataclass(frozen=True, slots=True)
class Polynomial(Schedule):
    """From 1 to `floor` along a power of the remaining time, then `floor`.

        factor(t) = floor + (1 − floor)·(1 − min(t, total)/total)^power

    >>> curve = Polynomial(100, power=2)
    >>> curve(0), curve(50), curve(100)
    (1.0, 0.25, 0.0)

    Args:
        total: Length; None: what is left of the run.
        power: Above 1 it falls fast at first, below 1 fast at the end.
        floor: Factor at the end.

    Source: Chen et al. 2017, section 4.1, "poly" with power 0.9.
    """

    total: Time | None = None
    power: float = 0.9
    floor: float = 0.0
    source: ClassVar[Source] = Source(
        "Chen et al.", 2017, "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets", arxiv="1606.00915"
    )
    formula: ClassVar = "factor(t) = floor + (1 − floor)·(1 − t/total)^power"
    example: ClassVar = "polynomial(power=2)"
    lengths: ClassVar = {"total": STEPS}
    span: ClassVar = "total"
    bounds: ClassVar = {"power": POSITIVE, "floor": FACTOR}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        left = 1.0 - min(t / self._steps("total"), 1.0)
        return float(self.floor + (1 - self.floor) * left**self.power)
