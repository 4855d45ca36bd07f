"""A staircase with even steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.schedules.schedule import check_factors, check_steps


@dataclass(frozen=True, slots=True)
class Step:
    """Times `factor` after each `every` steps.

        factor(t) = factor^⌊t/every⌋

    >>> stairs = Step(every=10, factor=0.5)
    >>> [stairs(t) for t in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]

    Source: Krizhevsky et al. 2012, section 5: divided by 10 when the error stops falling.
    """

    every: float
    factor: float = 0.1
    source: ClassVar[Source] = Source(
        "Krizhevsky et al.", 2012, "ImageNet Classification with Deep Convolutional Neural Networks", "NIPS 25"
    )

    def __post_init__(self) -> None:
        check_steps(self, every=self.every)
        check_factors(self, factor=self.factor)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return float(self.factor ** int(t // self.every))
