"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

_OUTWARD = (1.1, 4.0)  # how much further, in widths, the next point may lie while no minimum is enclosed
_SHRINK = 0.66  # an enclosure that shrinks less in two rounds is halved instead
_NARROW = 1e-14  # relative width of an enclosure at which doubles end


class Point(NamedTuple):
    """The loss somewhere along a line."""

    t: float  # how far along
    loss: float
    slope: float  # derivative of the loss along the line
    gradient: Tensor  # shape (parameters,)

    @property
    def finite(self) -> bool:
        """Whether the loss has a value and a slope here."""
        return math.isfinite(self.loss) and math.isfinite(self.slope)

    def tilted(self, slope: float) -> Point:
        """The same point of the loss minus a line of this slope."""
        return self._replace(loss=self.loss - slope * self.t, slope=self.slope - slope)


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    first: float,
    *,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    rounding: float = 0.0,
    most: int = 25,
) -> Point | None:
    """A point where the loss has fallen enough and the slope has flattened enough.

        loss(t) ≤ loss(0) + c₁·t·slope(0)        |slope(t)| ≤ c₂·|slope(0)|

    Points without a finite loss count as infinitely high, so that the search comes back from them. Where
    losses differ by rounding alone the first condition is read off the slope, slope(t) ≤ (2c₁ − 1)·slope(0),
    which is the same on a parabola.

    Args:
        at: The loss at a distance t > 0 along the line.
        start: The point at t = 0; its slope is below 0.
        first: Where to look first.
        decrease: c₁.
        curvature: c₂.
        rounding: Relative rounding error of a loss.
        most: Most evaluations.

    Returns:
        Such a point; the lowest one seen that has fallen enough where none was found in `most`
        evaluations; None where nothing has fallen.

    Source: Moré & Thuente 1994, sections 2 to 4; rounding: Hager & Zhang 2005, section 1.
    """
    search = _Search(start, first, decrease)
    slack = rounding * abs(start.loss)
    best = start
    wall = math.inf
    t = first
    for _ in range(most):
        here = at(t)
        if not here.finite:
            wall = t
            t = search.low.t + 0.2 * (t - search.low.t)
            if t <= search.low.t * (1 + _NARROW):
                break
            continue
        enough = here.loss <= start.loss + decrease * t * start.slope
        as_good = abs(here.loss - start.loss) <= slack and here.slope <= (2 * decrease - 1) * start.slope
        if enough and here.loss < best.loss:
            best = here
        if (enough or as_good) and abs(here.slope) <= -curvature * start.slope:
            return here
        t = search.next(here, enough=enough)
        if t >= wall:
            t = 0.5 * (search.low.t + wall)
        if search.exhausted(t):
            break
    return None if best is start else best


class _Search:
    """The interval of Moré and Thuente, and where to look next.

    `low` is the lowest point so far and `high` the other end. Until a point has fallen enough with a slope
    that no longer falls, they enclose a minimum of the loss minus c₁·slope(0)·t, from then on one of the loss.
    """

    def __init__(self, start: Point, first: float, decrease: float) -> None:
        self.tilt = decrease * start.slope
        self.low = self.high = start
        self.enclosed = False
        self.first_stage = True
        self.widths = (math.inf, math.inf)
        self.reach = (0.0, (1.0 + _OUTWARD[1]) * first)

    def next(self, here: Point, *, enough: bool) -> float:
        """Take in a point, and say where to look next."""
        if self.first_stage and enough and here.slope >= 0:
            self.first_stage = False
        tilt = self.tilt if self.first_stage and here.loss <= self.low.loss and not enough else 0.0
        low, high, point = self.low.tilted(tilt), self.high.tilted(tilt), here.tilted(tilt)
        turned = math.copysign(1.0, low.slope) * point.slope < 0
        rises = point.loss > low.loss
        closes = self.enclosed or rises or turned
        t = self._trial(low, high, point, rises=rises, turned=turned)
        if rises:
            self.high = here
        else:
            if turned:
                self.high = self.low
            self.low = here
        self.enclosed = closes
        return self._kept_inside(t)

    def _trial(self, low: Point, high: Point, here: Point, *, rises: bool, turned: bool) -> float:
        cubic = cubic_minimum(low, here)
        secant = secant_minimum(low, here)
        if rises:
            parabola = parabola_minimum(low, here)
            if cubic is None:
                return parabola
            return cubic if abs(cubic - low.t) < abs(parabola - low.t) else 0.5 * (cubic + parabola)
        if turned:
            return secant if cubic is None or abs(cubic - here.t) < abs(secant - here.t) else cubic
        outward = math.copysign(math.inf, here.t - low.t)
        if abs(here.slope) <= abs(low.slope):
            # a cubic that does not turn up beyond `here` has its minimum at infinity
            beyond = cubic is not None and (cubic - here.t) * outward > 0
            far = cubic if beyond and cubic is not None else outward
            nearer = abs(far - here.t) < abs(secant - here.t)
            if not self.enclosed:
                return secant if nearer else far
            chosen = far if nearer else secant
            edge = here.t + _SHRINK * (high.t - here.t)
            return min(chosen, edge) if here.t > low.t else max(chosen, edge)
        if not self.enclosed:
            return outward
        inner = cubic_minimum(high, here)
        return 0.5 * (high.t + here.t) if inner is None else inner

    def _kept_inside(self, t: float) -> float:
        low, high = self.low.t, self.high.t
        if not self.enclosed:
            t = min(max(t, self.reach[0]), self.reach[1])
            self.reach = (t + _OUTWARD[0] * (t - low), t + _OUTWARD[1] * (t - low))
            return t
        width = abs(high - low)
        before, self.widths = self.widths[0], (self.widths[1], width)
        if width >= _SHRINK * before or not min(low, high) < t < max(low, high):
            return low + 0.5 * (high - low)
        return t

    def exhausted(self, t: float) -> bool:
        """Whether the enclosure has become too narrow to look at another point."""
        return self.enclosed and abs(self.high.t - self.low.t) <= _NARROW * max(abs(self.high.t), abs(t))


def cubic_minimum(a: Point, b: Point) -> float | None:
    """Where the cubic with the losses and slopes of two points has its minimum, if it has one.

    Source: Nocedal & Wright 2006, eq. 3.59.
    """
    if a.t == b.t:
        return None
    d = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t)
    square = d * d - a.slope * b.slope
    if not square >= 0:
        return None
    root = math.copysign(math.sqrt(square), b.t - a.t)
    bottom = b.slope - a.slope + 2.0 * root
    if bottom == 0:
        return None
    found = b.t - (b.t - a.t) * (b.slope + root - d) / bottom
    return found if math.isfinite(found) else None


def parabola_minimum(a: Point, b: Point) -> float:
    """Where the parabola through two points with the slope of the first, falling towards the second, is lowest."""
    width = b.t - a.t
    return a.t + 0.5 * a.slope * width / ((a.loss - b.loss) / width + a.slope)


def secant_minimum(a: Point, b: Point) -> float:
    """Where the line through the slopes of two points is zero; infinitely far where they are equal."""
    if a.slope == b.slope:
        return math.copysign(math.inf, b.t - a.t)
    return b.t + b.slope * (b.t - a.t) / (a.slope - b.slope)
