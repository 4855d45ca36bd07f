"""Intervals that check a number and are their own error text."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ravine.core.errors import BadValue, refusal


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of real numbers, each end open or closed.

    >>> str(Interval(0, 1, right_open=True))
    '[0, 1)'
    >>> Interval(0, 1, right_open=True).contains(1.0)
    False
    """

    low: float = -math.inf
    high: float = math.inf
    left_open: bool = False
    right_open: bool = False

    def contains(self, value: float) -> bool:
        """Whether `value` lies inside; NaN never does."""
        above = value > self.low if self.left_open else value >= self.low
        below = value < self.high if self.right_open else value <= self.high
        return above and below

    def check(self, owner: str, name: str, value: float, remedy: str = "") -> float:
        """Return `value`, or raise `BadValue` with this interval as the explanation."""
        if isinstance(value, bool) or not self.contains(value):
            raise BadValue(refusal(owner, name, self.must, value, remedy))
        return value

    @property
    def must(self) -> str:
        """The words after "must": "be in [0, 1)", "be above 0", "be finite"."""
        if math.isinf(self.high) and self.high > 0:
            if math.isinf(self.low):
                return "be finite" if self.right_open else "be a number"
            return f"be above {self.low:g}" if self.left_open else f"be at least {self.low:g}"
        if math.isinf(self.low):
            return f"be below {self.high:g}" if self.right_open else f"be at most {self.high:g}"
        return f"be in {self}"

    def __str__(self) -> str:
        left = "(" if self.left_open or math.isinf(self.low) else "["
        right = ")" if self.right_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"


UNIT = Interval(0.0, 1.0)
"""[0, 1]: a probability or a share."""

BELOW_ONE = Interval(0.0, 1.0, right_open=True)
"""[0, 1): a memory such as β₁."""

POSITIVE = Interval(0.0, math.inf, left_open=True, right_open=True)
"""(0, ∞): a rate or a scale."""

NON_NEGATIVE = Interval(0.0, math.inf, right_open=True)
"""[0, ∞): a strength that may be off."""

FINITE = Interval(left_open=True, right_open=True)
"""Any number but infinities and NaN."""
