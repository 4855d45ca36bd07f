"""Polyak–Ruppert averaging: the plain mean of the weights after every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.optim.averages.average import Average


@dataclass(frozen=True, slots=True)
class Polyak(Average):
    """a ← a + (w − a)/n for the n-th weights taken: the mean of all weights since `start`.

    Args:
        start: Steps that are left out at the beginning, where the weights are still on their way.

    Source: Polyak & Juditsky 1992.

    >>> [Polyak().weight(taken) for taken in (1, 2, 4)]
    [1.0, 0.5, 0.25]
    """

    start: Time = 0

    source: ClassVar[Source] = Source(
        "Polyak & Juditsky",
        1992,
        "Acceleration of Stochastic Approximation by Averaging",
        where="SIAM J. Control Optim.",
    )
    lengths: ClassVar[dict[str, int]] = {"start": 0}

    @property
    def told(self) -> str:
        """What it does, for people."""
        return "mean of the weights of all steps" + (
            f" after {Average._length(self, 'start', 0)}" if self.start else ""
        )

    def due(self, step: int) -> bool:
        """After every step beyond the start."""
        return step > self._steps("start")

    def weight(self, taken: int) -> float:
        """1/n."""
        return 1.0 / taken
