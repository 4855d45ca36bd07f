"""Colours and dashes of pictures, and the few numbers that drawings share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from PIL import ImageFont

Color = tuple[int, int, int]

PAPER: Color = (252, 252, 250)
INK: Color = (28, 35, 40)
SOFT: Color = (92, 103, 112)
RULE: Color = (214, 220, 218)
LOW: Color = (246, 249, 247)
HIGH: Color = (160, 187, 194)
CONTOUR: Color = (86, 116, 128)

LANES: tuple[Color, ...] = (
    (213, 72, 20),
    (0, 92, 184),
    (0, 128, 92),
    (176, 48, 138),
    (32, 38, 44),
    (190, 130, 0),
    (104, 72, 200),
    (0, 150, 200),
    (140, 72, 36),
    (196, 16, 52),
)
"""Told apart by people who see few colours, and dark enough for the lightest band."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one path is drawn."""

    color: Color
    dashed: bool


def stroke(place: int) -> Stroke:
    """The stroke of the path at `place`: colours in turn, dashed once they repeat."""
    return Stroke(LANES[place % len(LANES)], dashed=place // len(LANES) % 2 == 1)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface, so that a picture looks the same everywhere."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers in [low, high], evenly apart.

    >>> ticks(-8.0, 3.0, 6)
    [-8.0, -6.0, -4.0, -2.0, 0.0, 2.0]
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if (high - low) / (power * digit) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float, most: int) -> list[int]:
    """Whole powers of ten in [10^low, 10^high], at most `most`, evenly apart.

    >>> decades(-9.3, 1.2, 4)
    [-9, -6, -3, 0]
    """
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    apart = max(1, math.ceil((last - first + 1) / most))
    return [power for power in range(first, last + 1) if power % apart == 0]


def spelled(value: float) -> str:
    """A number as short as it can be said: 4 digits, and no zero in front of an exponent.

    >>> spelled(0.00012345), spelled(12.0), spelled(3.2e-11)
    ('0.0001234', '12', '3.2e-11')
    """
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def clipped(
    a: tuple[float, float], b: tuple[float, float], box: tuple[float, float, float, float]
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The part of the line from a to b inside `box` (left, top, right, bottom), or None: Liang and Barsky's way."""
    enter, leave = 0.0, 1.0
    dx, dy = b[0] - a[0], b[1] - a[1]
    sides = ((-dx, a[0] - box[0]), (dx, box[2] - a[0]), (-dy, a[1] - box[1]), (dy, box[3] - a[1]))
    for direction, room in sides:
        if direction == 0:
            if room < 0:
                return None
            continue
        at = room / direction
        if direction < 0:
            enter = max(enter, at)
        else:
            leave = min(leave, at)
    if enter > leave:
        return None
    return (a[0] + enter * dx, a[1] + enter * dy), (a[0] + leave * dx, a[1] + leave * dy)


def runs(
    points: list[tuple[float, float]], box: tuple[float, float, float, float]
) -> Iterator[list[tuple[float, float]]]:
    """The stretches of a path that lie inside `box`; where a point is not finite the path is broken."""
    stretch: list[tuple[float, float]] = []
    for a, b in itertools.pairwise(points):
        part = clipped(a, b, box) if all(map(math.isfinite, (*a, *b))) else None
        if part is None or (stretch and stretch[-1] != part[0]):
            if stretch:
                yield stretch
            stretch = []
        if part is not None:
            stretch = [*(stretch or [part[0]]), part[1]]
    if stretch:
        yield stretch
