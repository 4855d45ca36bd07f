"""What of a race a drawing shows: the part of the plane, the range of losses, the numbers at the axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ravine.core.ink import decades, ticks
from ravine.landscape.race import Lane, Race
from ravine.landscape.surfaces import Point, Window

_DEEPEST = 1e-12  # of the start's height: below this a loss is rounding
_SPARE = 0.08  # of the window's width: room around a start that lies outside


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of one race's drawings.

    Attributes:
        window: Left, right, bottom and top of the plane in sight.
        reach: Powers of ten between which losses above the lowest minimum are drawn.
        goal: How far above the lowest minimum a contestant is there.
        lowest: The loss at the lowest minimum.
        steps: How many steps there are.
    """

    window: Window
    reach: tuple[float, float]
    goal: float
    lowest: float
    steps: int

    @property
    def x_ticks(self) -> list[float]:
        """Round numbers along x."""
        return ticks(self.window[0], self.window[1], 8)

    @property
    def y_ticks(self) -> list[float]:
        """Round numbers along y."""
        return ticks(self.window[2], self.window[3], 6)

    @property
    def step_ticks(self) -> list[float]:
        """Round numbers of steps."""
        return ticks(0, self.steps, 6) if self.steps > 5 else [float(step) for step in range(self.steps + 1)]

    @property
    def powers(self) -> list[int]:
        """Powers of ten at the axis of losses."""
        return decades(*self.reach, 5)

    def gaps(self, lane: Lane) -> list[float]:
        """How far each loss of a path lies above the lowest minimum."""
        return [loss - self.lowest for loss in lane.losses.tolist()]


def framed(race: Race) -> Frame:
    """The frame of a race: the surface's window, widened where the start lies outside it."""
    lowest = race.surface.lowest
    height = float(race.lanes[0].losses[0]) - lowest
    goal = race.target - lowest
    gaps = [loss - lowest for lane in race.lanes for loss in lane.losses.tolist()]
    seen = [gap for gap in gaps if math.isfinite(gap) and 0 < gap <= 10 * height] or [1.0]
    floor = max(min(*seen, goal or min(seen)), _DEEPEST * (height or 1.0))
    low, high = math.log10(floor), math.log10(max(*seen, goal or max(seen)))
    return Frame(widened(race.surface.window, race.start), (low - 0.2, high + 0.3), goal, lowest, race.steps)


def widened(window: Window, start: Point) -> Window:
    """`window`, or one of the same shape around it with `start` in it.

    >>> widened((0.0, 10.0, 0.0, 7.0), (5.0, 5.0))
    (0.0, 10.0, 0.0, 7.0)
    """
    left, right, bottom, top = window
    if left <= start[0] <= right and bottom <= start[1] <= top:
        return window
    spare = _SPARE * (right - left)
    low, high = min(left, start[0] - spare), max(right, start[0] + spare)
    under, over = min(bottom, start[1] - spare), max(top, start[1] + spare)
    width = max(high - low, (over - under) * (right - left) / (top - bottom))
    tall = width * (top - bottom) / (right - left)
    x, y = (low + high) / 2, (under + over) / 2
    return (x - width / 2, x + width / 2, y - tall / 2, y + tall / 2)
