"""A graph of units as a picture: what flowed forward and what flowed back, at each unit and on each edge."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from ravine.core import ink
from ravine.core.errors import BadValue, refusal
from ravine.models.unit_graph import BackwardPass, UnitGraph
from ravine.models.unit_graph_wiring import OWNER

FORWARD, BACK = ink.LANES[1], ink.LANES[0]
"""Colours of what flows forward and of what flows back."""

MOST = 24
"""Edges that can be told apart on a page."""

_FINE = 3  # lines are drawn this many times larger and scaled down, which smooths their edges
_MARGIN = 48
_BOX = (176, 128)
_COLUMN, _ROW = 420, 184  # from middle to middle
_LABEL = (92, 50)
_TOP = 96
_LINE = 40.0  # square pixels that a label may cover rather than a point of another line
_BEND = 0.5  # how far a curve goes straight before it turns, as a share of its way

Point = tuple[float, float]


def picture(graph: UnitGraph, found: BackwardPass) -> Image.Image:
    """One row of a backward pass drawn: a, o and z in each unit, W and its gradient on each edge.

    Levels stand side by side, the inputs on the left. The gradients are those of all rows of the pass,
    so one row is what is drawn.

    Raises:
        BadValue: The pass is of several rows, or the graph is too large to be read.
    """
    if len(found.a) != 1:
        raise BadValue(refusal(OWNER, "a pass to draw", "be of one row", len(found.a)))
    if len(graph.edges) > MOST:
        raise BadValue(refusal(OWNER, "a graph to draw", f"have at most {MOST} edges", len(graph.edges)))
    return _Drawing(graph, found).drawn()


@dataclass
class _Drawing:
    graph: UnitGraph
    found: BackwardPass
    columns: list[list[int]] = field(init=False)
    ways: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Units are numbered from 0; a number behind them is a place where an edge passes through a level."""
        place = {unit: number for number, unit in enumerate(self.graph.units)}
        levels = self.graph.levels
        self.columns = [[] for _ in range(1 + max(levels))]
        for number, level in enumerate(levels):
            self.columns[level].append(number)
        fresh = itertools.count(len(levels))
        self.ways = []
        for parent, child in self.graph.edges:
            start, end = place[parent], place[child]
            through = []
            for level in range(levels[start] + 1, levels[end]):
                through.append(next(fresh))
                self.columns[level].append(through[-1])
            self.ways.append([start, *through, end])
        self._untangle()

    def _untangle(self) -> None:
        """Each place near the middle of those it is joined to: a few sweeps there and back."""
        joined: dict[int, set[int]] = {}
        for way in self.ways:
            for one, other in itertools.pairwise(way):
                joined.setdefault(one, set()).add(other)
                joined.setdefault(other, set()).add(one)
        for _ in range(4):
            for column in (*self.columns[1:], *self.columns[-2:0:-1]):
                middle = {spot: self._height_of(joined[spot]) for spot in column}
                column.sort(key=lambda spot: middle[spot])

    def _height_of(self, spots: set[int]) -> float:
        heights = [self._at(spot)[1] for spot in spots]
        return sum(heights) / len(heights)

    def _at(self, spot: int) -> Point:
        """The middle of a place."""
        level = next(level for level, column in enumerate(self.columns) if spot in column)
        column = self.columns[level]
        above = column.index(spot) - (len(column) - 1) / 2
        return _MARGIN + _BOX[0] / 2 + level * _COLUMN, _TOP + self._tall / 2 + above * _ROW

    @property
    def _tall(self) -> float:
        return max(len(column) for column in self.columns) * _ROW

    def drawn(self) -> Image.Image:
        width = round(2 * _MARGIN + _BOX[0] + (len(self.columns) - 1) * _COLUMN)
        height = round(_TOP + self._tall + 72)
        image = Image.new("RGB", (width * _FINE, height * _FINE), ink.PAPER)
        pen = ImageDraw.Draw(image)
        paths = self._paths()
        for path in paths:
            pen.line([(x * _FINE, y * _FINE) for x, y in path], fill=ink.CONTOUR, width=2 * _FINE, joint="curve")
            self._arrow(pen, path)
        units = range(len(self.graph.units))
        for spot in units:
            x, y = self._at(spot)
            left, top, right, bottom = _around((x, y), _BOX)
            corners = (left * _FINE, top * _FINE, right * _FINE, bottom * _FINE)
            pen.rounded_rectangle(corners, 14 * _FINE, fill=(255, 255, 255), outline=ink.INK, width=2 * _FINE)
        small = image.resize((width, height), Image.Resampling.LANCZOS)
        self._words(ImageDraw.Draw(small), paths, width, height)
        return small

    def _paths(self) -> list[list[Point]]:
        """Each edge as a smooth line, from the right side of its unit to the left side of the other."""
        leaves, enters = self._ports(0), self._ports(-1)
        found = []
        for number, way in enumerate(self.ways):
            x, _ = self._at(way[0])
            stops = [(x + _BOX[0] / 2, leaves[number])]
            for spot in way[1:-1]:
                x, y = self._at(spot)
                stops += [(x - _BOX[0] / 2, y), (x + _BOX[0] / 2, y)]
            x, _ = self._at(way[-1])
            stops.append((x - _BOX[0] / 2, enters[number]))
            found.append([point for one, other in itertools.pairwise(stops) for point in _curve(one, other)])
        return found

    def _ports(self, end: int) -> dict[int, float]:
        """Where on the side of a unit each edge leaves (end 0) or enters (−1): apart, in the order of the far ends."""
        groups: dict[int, list[int]] = {}
        for number, way in enumerate(self.ways):
            groups.setdefault(way[end], []).append(number)
        heights = {}
        for spot, numbers in groups.items():
            numbers.sort(key=lambda number: self._at(self.ways[number][1 if end == 0 else -2])[1])
            for rank, number in enumerate(numbers):
                off = (rank + 0.5) / len(numbers) - 0.5
                heights[number] = self._at(spot)[1] + off * 0.8 * _BOX[1]
        return heights

    def _arrow(self, pen: ImageDraw.ImageDraw, path: list[Point]) -> None:
        x, y = path[-1]
        tip = [(x, y), (x - 13, y - 6), (x - 13, y + 6)]
        pen.polygon([(a * _FINE, b * _FINE) for a, b in tip], fill=ink.CONTOUR)

    def _words(self, pen: ImageDraw.ImageDraw, paths: list[list[Point]], width: int, height: int) -> None:
        for level in range(len(self.columns)):
            x = _MARGIN + _BOX[0] / 2 + level * _COLUMN
            pen.text((x, 62), "inputs" if level == 0 else f"level {level}", ink.SOFT, ink.font(24), "ms")
        a, o, z = (value[0].tolist() for value in (self.found.a, self.found.o, self.found.z))
        for spot, unit in enumerate(self.graph.units):
            x, y = self._at(spot)
            pen.text((x, y - 34), str(unit), ink.INK, ink.font(25), "ms")
            given = spot < len(self.graph.inputs)
            lines = [("o", o[spot], FORWARD), ("z", z[spot], BACK)]
            lines = lines if given else [("a", a[spot], FORWARD), *lines]
            for row, (name, value, color) in enumerate(lines):
                line = y - 4 + 27 * row
                pen.text((x - 62, line), name, color, ink.font(22), "ls")
                pen.text((x + 66, line), spelled(value), color, ink.font(22), "rs")
        taken = [_around(self._at(spot), _BOX) for spot in range(len(self.graph.units))]
        weights, gradients = self.graph.weight.tolist(), self.found.weight.tolist()
        for path, weight, gradient in zip(paths, weights, gradients, strict=True):
            others = [point for other in paths if other is not path for point in other]
            middle = _free(path, taken, others)
            box = _around(middle, _LABEL)
            taken.append(box)
            pen.rounded_rectangle(box, 8, fill=ink.PAPER)
            pen.text((middle[0], middle[1] - 3), spelled(weight), FORWARD, ink.font(20), "ms")
            pen.text((middle[0], middle[1] + 20), spelled(gradient), BACK, ink.font(20), "ms")
        told = (("forward: W on edges, a and o in units", FORWARD), ("back: gradient on edges, z in units", BACK))
        for (words, color), (x, anchor) in zip(told, ((_MARGIN, "ls"), (width - _MARGIN, "rs")), strict=True):
            pen.text((x, height - 28), words, color, ink.font(23), anchor)


def spelled(value: float) -> str:
    """A number of a pass with three digits behind the point, the same everywhere.

    >>> spelled(-0.25), spelled(-0.0001)
    ('-0.250', '0.000')
    """
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _around(middle: Point, size: tuple[float, float]) -> tuple[float, float, float, float]:
    (x, y), (wide, tall) = middle, size
    return x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2


def _curve(one: Point, other: Point, steps: int = 24) -> list[Point]:
    """A line that leaves and arrives level: Bézier's, of third degree."""
    (x0, y0), (x3, y3) = one, other
    x1, x2 = x0 + _BEND * (x3 - x0), x3 - _BEND * (x3 - x0)
    points = []
    for step in range(steps + 1):
        t = step / steps
        s = 1 - t
        b0, b1, b2, b3 = s**3, 3 * s * s * t, 3 * s * t * t, t**3
        points.append((b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3, (b0 + b1) * y0 + (b2 + b3) * y3))
    return points


def _free(path: list[Point], taken: list[tuple[float, float, float, float]], lines: list[Point]) -> Point:
    """The place on a path, as near to its middle as can be, where a label covers least of what is there."""

    def covered(point: Point) -> float:
        left, top, right, bottom = _around(point, _LABEL)
        boxes = sum(
            max(0.0, min(right, r) - max(left, x)) * max(0.0, min(bottom, b) - max(top, t)) for x, t, r, b in taken
        )
        return boxes + _LINE * sum(left < x < right and top < y < bottom for x, y in lines)

    middle = (len(path) - 1) / 2
    return path[min(range(len(path)), key=lambda at: (covered(path[at]), abs(at - middle)))]
