"""Latest weight averaging: the mean of the last few snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.optim.averages.average import Average


@dataclass(frozen=True, slots=True)
class LAWA(Average):
    """a = (w₁ + … + w_k)/k over the latest k snapshots, one at the end of each epoch.

    Older weights leave it for good, so that it follows a network that is still learning; k networks
    are held in memory.

    Args:
        snapshots: k; before there are so many, all there are.
        every: How far apart they are.

    Source: Kaddour 2022.
    """

    snapshots: int = 5
    every: Time = "1 epoch"

    source: ClassVar[Source] = Source(
        "Kaddour",
        2022,
        "Stop Wasting My Time! Saving Days of ImageNet and BERT Training with Latest Weight Averaging",
        arxiv="2209.14981",
    )
    lengths: ClassVar[dict[str, int]] = {"every": 1}

    def __post_init__(self) -> None:
        if type(self.snapshots) is not int or self.snapshots < 1:
            raise BadValue(refusal("lawa", "snapshots", "be a whole number of at least 1", self.snapshots))
        Average.__post_init__(self)

    @property
    def window(self) -> int:
        """K."""
        return self.snapshots

    @property
    def told(self) -> str:
        """What it does, for people."""
        return f"mean of the latest {self.snapshots} snapshots of the weights, one every {self.every}"

    def due(self, step: int) -> bool:
        """At the end of each period."""
        return step % self._steps("every") == 0

    def weight(self, taken: int) -> float:
        """1/k, or 1/n before there are k."""
        return 1.0 / min(taken, self.snapshots)
