"""Rising, falling, flat: what a curve does, with the interval that its noise leaves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ravine.diagnose.curve import Curve
from ravine.diagnose.noise import Estimate, level, slope


@dataclass(frozen=True, slots=True)
class Stretch:
    """The level of some neighbouring points of a curve."""

    begin: int  # place of the first point
    end: int  # and behind the last
    first_step: int
    last_step: int
    level: Estimate


def width_of(curve: Curve) -> int:
    """Points in a stretch: a fifth of the curve, and never one alone."""
    return max(2 if len(curve) < 10 else 3, len(curve) // 5)


def stretch(curve: Curve, begin: int, end: int) -> Stretch:
    """The points from place `begin` to before `end`."""
    return Stretch(begin, end, curve.steps[begin], curve.steps[end - 1], level(curve.values[begin:end]))


def last(curve: Curve, width: int | None = None) -> Stretch:
    """The end of a curve."""
    width = width or width_of(curve)
    return stretch(curve, max(0, len(curve) - width), len(curve))


def narrow(curve: Curve) -> int:
    """Points in the stretch around a minimum: fewer, since what falls before and rises after would blur it."""
    return max(2, len(curve) // 12)


def lowest(curve: Curve, width: int | None = None, sign: float = 1.0) -> Stretch:
    """The stretch with the lowest mean; with sign −1, with the highest. Of equals, the earliest."""
    width = width or width_of(curve)
    sums = [0.0]
    for value in curve.values:
        sums.append(sums[-1] + sign * value)
    begin = min(range(max(1, len(curve) - width + 1)), key=lambda at: sums[min(at + width, len(curve))] - sums[at])
    return stretch(curve, begin, min(begin + width, len(curve)))


def fifths(curve: Curve) -> list[Estimate]:
    """The level of each fifth of the curve, by points; needs five points."""
    cuts = [round(part * len(curve) / 5) for part in range(6)]
    return [level(curve.values[begin:end]) for begin, end in pairwise(cuts)]


def pace(curve: Curve) -> Estimate:
    """Change over the whole of the curve, were it a straight line, with its error."""
    if len(curve) < 3:
        return Estimate(0.0, float("inf"))
    span = curve.steps[-1] - curve.steps[0]
    found = slope(curve.steps, curve.values)
    return Estimate(found.value * span, found.error * span)


def change(curve: Curve) -> Estimate:
    """Change over the whole of the curve, bent as it may be: from the levels of its first and last third."""
    third = max(1, len(curve) // 3)
    found = level(curve.values[-third:]) - level(curve.values[:third])
    return Estimate(1.5 * found.value, 1.5 * found.error)


def start(curve: Curve) -> float:
    """Where the curve begins: the higher of its first point and the mean of its first three.

    Two readings, because a single first batch may be lucky and a mean over early steps has already fallen.
    """
    first = curve.values[:3]
    return max(first[0], sum(first) / len(first))
