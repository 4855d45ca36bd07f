"""Stochastic weight averaging: the mean of weights visited at a learning rate that keeps them moving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import POSITIVE, Interval
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.optim.averages.average import Average, Factor


@dataclass(frozen=True, slots=True)
class SWA(Average):
    """a ← a + (w − a)/n for the weights at `start` and at the end of each cycle after it.

    From `start` on the learning rate follows a tail of its own. With `low` absent it is constant; with
    `low` it falls within each cycle from `rate` to `low`, linearly, and weights are taken where it is
    lowest:

        f(t) = (1 − u)·rate + u·low,    u = ((t − start) mod every + 1) / every

    Args:
        start: When the average and its tail begin.
        every: Length of a cycle: how far apart the weights lie that are taken.
        rate: Factor of the base rate in the tail; None holds what the schedule had reached at `start`.
        low: Factor at the end of each cycle; None for a constant tail.

    Source: Izmailov et al. 2018, Algorithm 1.
    """

    start: Time = "75%"
    every: Time = "1 epoch"
    rate: float | None = None
    low: float | None = None

    source: ClassVar[Source] = Source(
        "Izmailov et al.", 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", arxiv="1803.05407"
    )
    lengths: ClassVar[dict[str, int]] = {"start": 1, "every": 1}
    bounds: ClassVar[dict[str, Interval]] = {"rate": POSITIVE, "low": POSITIVE}

    def __post_init__(self) -> None:
        Average.__post_init__(self)
        if self.low is not None and self.rate is not None and self.low > self.rate:
            raise BadValue(refusal("swa", "low", f"be at most rate, {self.rate:g}", self.low))

    @property
    def told(self) -> str:
        """What it does, for people."""
        tail = "held there" if self.rate is None else f"{self.rate:g} of the peak from there"
        if self.low is not None:
            tail += f", falling to {self.low:g} in each cycle"
        return f"mean of the weights at every {self.every} from {self.start} on, the rate {tail}"

    def due(self, step: int) -> bool:
        """At the start, and at the end of each cycle."""
        start = self._steps("start")
        return step >= start and (step - start) % self._steps("every") == 0

    def weight(self, taken: int) -> float:
        """1/n."""
        return 1.0 / taken

    def tail(self, before: Factor) -> Factor:
        """`before` until the start, then the tail."""
        start, every = self._steps("start"), self._steps("every")
        high = before(start - 1) if self.rate is None else self.rate
        low = high if self.low is None else min(self.low, high)

        def factor(t: float) -> float:
            if t < start:
                return before(t)
            share = ((t - start) % every + 1) / every
            return high + share * (low - high)  # exactly `high` for a constant tail

        return factor
