"""What the learning rate did: a loss that falls after a cut, or rises at a restart, is no news."""

from __future__ import annotations

from bisect import bisect_right

from ravine.diagnose.curve import Curve, curve
from ravine.records.history import History


class Rates:
    """The learning rate over a run."""

    def __init__(self, rates: Curve) -> None:
        self.curve = rates
        self.peak = max(rates.values)
        self.final = rates.values[-1]

    def at(self, step: int) -> float:
        """The rate at a step: that of the last row before it."""
        return self.curve.values[max(bisect_right(self.curve.steps, step) - 1, 0)]

    @property
    def warm_from(self) -> int:
        """The first step at half the highest rate: earlier ones are warmup, or the very first."""
        return next(step for step, rate in self.curve.points() if rate >= self.peak / 2)

    @property
    def starts_full(self) -> bool:
        """Whether the first rate is the highest, or nearly: there is no warmup."""
        return self.curve.values[0] >= 0.8 * self.peak

    def low_from(self, share: float) -> int | None:
        """The first step from which on the rate stays at or under `share` of its peak; None where it ends above."""
        found = None
        for step, rate in zip(reversed(self.curve.steps), reversed(self.curve.values), strict=True):
            if rate > share * self.peak:
                break
            found = step
        return found

    @property
    def falls_at_the_end(self) -> bool:
        """Whether the rate is still being lowered, or has ended low: the schedule has run its course."""
        return self.final <= 0.3 * self.peak

    @property
    def restarts(self) -> list[int]:
        """Steps at which the rate rises threefold after having fallen."""
        values, found = self.curve.values, []
        low = None
        for place in range(values.index(self.peak), len(values)):
            low = values[place] if low is None else min(low, values[place])
            if values[place] > 3 * low and values[place] > 0.2 * self.peak:
                found.append(self.curve.steps[place])
                low = values[place]
        return found


def rates(history: History) -> Rates | None:
    """The learning rate, as dense as it was written; None where it was not, or is nothing but zero."""
    by_step, by_epoch = curve(history, "lr", "step"), curve(history, "lr", "epoch")
    dense = by_step if len(by_step) > len(by_epoch) else by_epoch
    if len(dense) < 2 or max(dense.values) <= 0:
        return None
    return Rates(dense)
