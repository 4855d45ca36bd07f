"""How far a number read off a noisy curve can be trusted.

The points of a curve are neither exact nor independent: weights wander, so that neighbouring points err together.
Errors here are those of means and slopes under noise that is correlated from point to point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_CORRELATED = 0.9  # beyond it a stretch is one observation, whatever its length


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its standard error."""

    value: float
    error: float

    @property
    def z(self) -> float:
        """The number in standard errors; infinite where it is exact and not zero."""
        if self.error > 0:
            return self.value / self.error
        return math.copysign(math.inf, self.value) if self.value else 0.0

    def low(self, errors: float = 2.0) -> float:
        """The lower end of an interval of so many standard errors."""
        return self.value - errors * self.error

    def high(self, errors: float = 2.0) -> float:
        """The upper end of an interval of so many standard errors."""
        return self.value + errors * self.error

    def __sub__(self, other: Estimate) -> Estimate:
        return Estimate(self.value - other.value, math.hypot(self.error, other.error))


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of the two middle ones where their number is even."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else 0.5 * (ordered[middle - 1] + ordered[middle])


def jitter(values: Sequence[float]) -> float:
    """Standard deviation of the noise from point to point, whatever the trend: from second differences, robustly.

        e_i = y_i − (y_{i−1} + y_{i+1}) / 2,    σ = 1.4826 · median |e| / √1.5

    Source: Gasser, Sroka & Jennen-Steinmetz 1986.
    """
    if len(values) < 3:
        return 0.0
    off = [abs(values[place] - 0.5 * (values[place - 1] + values[place + 1])) for place in range(1, len(values) - 1)]
    # The median of very few is too often too small; their mean stands in for it.
    return 1.4826 * median(off) / math.sqrt(1.5) if len(off) > 4 else 1.2533 * sum(off) / len(off) / math.sqrt(1.5)


def line(places: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Slope and mean of the straight line nearest to the points."""
    middle, level = sum(places) / len(places), sum(values) / len(values)
    spread = sum((place - middle) ** 2 for place in places)
    if spread <= 0:
        return 0.0, level
    return sum((p - middle) * (v - level) for p, v in zip(places, values, strict=True)) / spread, level


def level(values: Sequence[float]) -> Estimate:
    """The mean of a stretch, with the error that correlated noise leaves it; a straight trend counts as no noise."""
    count = len(values)
    if count == 0:
        return Estimate(0.0, math.inf)
    places = range(count)
    slope, mean = line(places, values)
    if count < 4:  # a line would leave nothing of them
        slope = 0.0
    rest = [v - mean - slope * (p - 0.5 * (count - 1)) for p, v in zip(places, values, strict=True)]
    return Estimate(mean, _error_of_mean(rest, jitter(values)))


def slope(places: Sequence[float], values: Sequence[float]) -> Estimate:
    """The slope of a stretch, in units of value per unit of place, with its error."""
    count = len(values)
    if count < 3:
        return Estimate(0.0, math.inf)
    found, mean = line(places, values)
    middle = sum(places) / count
    spread = math.sqrt(sum((place - middle) ** 2 for place in places) / count)
    if spread <= 0:
        return Estimate(0.0, math.inf)
    rest = [v - mean - found * (p - middle) for p, v in zip(places, values, strict=True)]
    return Estimate(found, _error_of_mean(rest, jitter(values)) / spread)


def _error_of_mean(rest: Sequence[float], least: float) -> float:
    """Standard error of a mean from what a straight line leaves: the variance, swelled by how neighbours agree."""
    count = len(rest)
    if count < 4:
        return max(least, math.sqrt(sum(r * r for r in rest) / count)) / math.sqrt(count) * 1.5
    squares = sum(r * r for r in rest)
    deviation = max(math.sqrt(squares / (count - 2)), least)
    if squares <= 0:
        return deviation / math.sqrt(count)
    together = sum(a * b for a, b in pairwise(rest)) / squares
    # Fitting a line makes residuals agree less than the noise did, by about 2/n for each of its two numbers.
    together = min(max(together + min(4.0 / count, 0.35), 0.0), MOST_CORRELATED)
    swelled = math.sqrt((1 + together) / (1 - together))
    few = math.sqrt((count - 1) / max(count - 3, 1))
    return deviation / math.sqrt(count) * swelled * few


def of_share(share: float, rows: int) -> float:
    """Half the width of the 95% interval of a share seen in so many rows.

    Source: Wilson 1927.
    """
    if rows < 1:
        return 1.0
    z = 1.96
    return z / (1 + z * z / rows) * math.sqrt(max(share * (1 - share), 0) / rows + z * z / (4 * rows * rows))


def surety(beyond: float) -> float:
    """Confidence from how many times its threshold a measure is: 0.5 at the threshold, towards 1 far beyond it."""
    if not beyond > 1:
        return 0.5
    return 1 - 0.5 / beyond
