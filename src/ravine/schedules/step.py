"""A staircase with even steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from ravine.core.sources import Source
from ravine.core.time import Clockwork, Time
from ravine.schedules.schedule import FACTOR, STEPS, Schedule


@dataclass(frozen=True, slots=True)
class Step(Schedule):
    """Times `factor` after each stretch of `every`.

        factor(t) = factor^⌊t/every⌋

    >>> stairs = Step(every=10, factor=0.5)
    >>> [stairs(t) for t in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]

    Args:
        every: Length of each step of the stairs; None: a third of what is left of the run.
        factor: Of each step.

    Source: Krizhevsky et al. 2012, section 5: divided by 10 when the error stops falling.
    """

    every: Time | None = None
    factor: float = 0.1
    source: ClassVar[Source] = Source(
        "Krizhevsky et al.", 2012, "ImageNet Classification with Deep Convolutional Neural Networks", "NIPS 25"
    )
    formula: ClassVar = "factor(t) = factor^⌊t/every⌋"
    example: ClassVar = "step(every=25%, factor=0.5)"
    lengths: ClassVar = {"every": STEPS}
    bounds: ClassVar = {"factor": FACTOR}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return float(self.factor ** int(t // self._steps("every")))

    def _filling(self, run: Clockwork, left: float) -> Schedule:
        if self.every is None:
            return replace(self, every=max(1, math.ceil(left / 3)))
        return Schedule._filling(self, run, left)
