"""A race as a picture: the surface with every path, a table of who got there, the losses step by step.

Drawn with Pillow alone. The layout is upright and the letters large, so that it can be read on a
telephone. Lines are drawn at a multiple of the size and scaled down, which smooths their edges.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from PIL import Image, ImageDraw

from ravine.core import ink
from ravine.landscape.framing import Frame, framed
from ravine.landscape.race import Race
from ravine.landscape.shading import shaded

WIDTH = 1080
"""Of a picture, in pixels; every length below is in pixels of this width."""

_FINE = 3  # lines are drawn this many times larger
_MARGIN = 40
_MAP_LEFT, _MAP_TOP = 92, 182
_MAP_WIDTH, _MAP_HEIGHT = WIDTH - 92 - _MARGIN, 664  # ten to seven, as windows are
_ROW = 50
_LOSS_HEIGHT = 360

Points = list[tuple[float, float]]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Picture:
    """The drawing of one race at one width.

    Attributes:
        race: What is drawn.
        width: In pixels.
    """

    race: Race
    width: int = WIDTH
    frame: Frame = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", framed(self.race))

    def drawn(self, step: int | None = None) -> Image.Image:
        """The whole picture, with paths up to `step`, or to the end."""
        last = self.race.steps if step is None else step
        image = self._ground.copy()
        for box, draw in ((self._map, self._paths), (self._losses, self._curves)):
            self._finely(image, box, draw, last)
        if step is not None:
            self._text(image, (WIDTH - _MARGIN, 132), f"step {step}", 30, ink.INK, "rs")
        return image

    def map_drawn(self) -> Image.Image:
        """The map alone, with its axes and the names of the paths, to be put into a text."""
        image = Image.new("RGB", (self.width, self._px(self.height)), ink.PAPER)
        self._map_ground(image)
        self._finely(image, self._map, self._paths, self.race.steps)
        end = self._legend(image)
        return image.crop((0, self._px(_MAP_TOP - 24), self.width, self._px(end)))

    @property
    def _map(self) -> Box:
        return (_MAP_LEFT, _MAP_TOP, _MAP_LEFT + _MAP_WIDTH, _MAP_TOP + _MAP_HEIGHT)

    @property
    def _table_top(self) -> int:
        return _MAP_TOP + _MAP_HEIGHT + 70

    @property
    def _losses(self) -> Box:
        top = self._table_top + _ROW * (len(self.race.lanes) + 1) + 92
        return (_MAP_LEFT + 24, top, WIDTH - _MARGIN, top + _LOSS_HEIGHT)

    @property
    def height(self) -> int:
        """In pixels of `WIDTH`."""
        return round(self._losses[3]) + 96

    def _px(self, length: float) -> int:
        return round(length * self.width / WIDTH)

    @cached_property
    def _ground(self) -> Image.Image:
        """Everything that does not move."""
        image = Image.new("RGB", (self.width, self._px(self.height)), ink.PAPER)
        self._map_ground(image)
        self._heading(image)
        self._table(image)
        self._loss_axes(image)
        return image

    def _heading(self, image: Image.Image) -> None:
        race = self.race
        rates = f"best of {race.searched} learning rates each" if race.searched else "learning rates as given"
        name = race.surface.name.replace("-", " ")
        self._text(image, (_MARGIN, 78), name[:1].upper() + name[1:], 52, ink.INK, "ls")
        x, y = race.start
        told = f"{race.steps} steps from ({x:g}, {y:g}), {rates}"
        self._text(image, (_MARGIN, 132), told, 28, ink.SOFT, "ls")

    def _map_ground(self, image: Image.Image) -> None:
        left, top, right, bottom = self._map
        at, columns = (self._px(left), self._px(top)), self._px(right) - self._px(left)
        rows = self._px(bottom) - self._px(top)
        window = self.frame.window
        pixels = shaded(self.race.surface, window, columns, rows, low=ink.LOW, high=ink.HIGH, line=ink.CONTOUR)
        image.paste(Image.fromarray(pixels), at)
        for value in self.frame.x_ticks:
            x = self._at((value, 0.0))[0]
            self._line(image, (x, bottom), (x, bottom + 8), ink.SOFT)
            self._text(image, (x, bottom + 16), f"{value:g}", 26, ink.SOFT, "mt")
        for value in self.frame.y_ticks:
            y = self._at((0.0, value))[1]
            self._line(image, (left - 8, y), (left, y), ink.SOFT)
            self._text(image, (left - 14, y), f"{value:g}", 26, ink.SOFT, "rm")
        for a, b in (((left, top), (right, top)), ((left, bottom), (right, bottom))):
            self._line(image, a, b, ink.SOFT)
        for a, b in (((left, top), (left, bottom)), ((right, top), (right, bottom))):
            self._line(image, a, b, ink.SOFT)

    def _legend(self, image: Image.Image) -> float:
        """Names of the paths below the map, in as many rows as they need; returns where they end."""
        x, y = float(_MAP_LEFT), self._map[3] + 92
        for place, lane in enumerate(self.race.lanes):
            wide = 72 + ink.font(self._px(30)).getlength(lane.label) * WIDTH / self.width
            if x > _MAP_LEFT and x + wide > WIDTH - _MARGIN:
                x, y = float(_MAP_LEFT), y + _ROW
            self._swatch(image, x, y, ink.stroke(place))
            self._text(image, (x + 72, y), lane.label, 30, ink.INK, "lm")
            x += wide + 44
        return y + 36

    def _table(self, image: Image.Image) -> None:
        columns = ((_MARGIN + 76, "ls"), (600, "rs"), (780, "rs"), (WIDTH - _MARGIN, "rs"))
        y = self._table_top + 34
        for (x, anchor), head in zip(columns, ("optimizer", "rate", "there at step", "loss at end"), strict=True):
            self._text(image, (x, y), head, 26, ink.SOFT, anchor)
        self._line(image, (_MARGIN, y + 14), (WIDTH - _MARGIN, y + 14), ink.RULE)
        for place, lane in enumerate(self.race.lanes):
            y += _ROW
            self._swatch(image, _MARGIN, y - 10, ink.stroke(place))
            loss = ink.spelled(lane.loss) if math.isfinite(lane.loss) else "diverged"
            there = "never" if lane.reached is None else str(lane.reached)
            label, size = self._fitting(lane.label, 380)
            words = ((label, size), (f"{lane.lr:g}", 30), (there, 30), (loss, 30))
            for (x, anchor), (word, letters) in zip(columns, words, strict=True):
                self._text(image, (x, y), word, letters, ink.INK, anchor)

    def _swatch(self, image: Image.Image, x: float, y: float, stroke: ink.Stroke) -> None:
        def draw(pen: Any, _: int) -> None:
            self._path(pen, [(x, y), (x + 56, y)], stroke, 7, (0, 0, WIDTH, self.height))

        self._finely(image, (x, y - 8, x + 56, y + 8), draw, 0)

    def _loss_axes(self, image: Image.Image) -> None:
        left, top, right, bottom = self._losses
        self._text(image, (_MARGIN, top - 26), "Loss above the lowest minimum", 30, ink.INK, "ls")
        for power in self.frame.powers:
            y = self._at_loss(0, 10.0**power)[1]
            self._line(image, (left, y), (right, y), ink.RULE)
            self._text(image, (left - 14, y), f"1e{power}" if power else "1", 26, ink.SOFT, "rm")
        for value in self.frame.step_ticks:
            x = self._at_loss(value, 1.0)[0]
            self._line(image, (x, bottom), (x, bottom + 8), ink.SOFT)
            self._text(image, (x, bottom + 16), f"{value:g}", 26, ink.SOFT, "mt")
        self._line(image, (left, bottom), (right, bottom), ink.SOFT)
        self._text(image, (right, bottom + 52), "step", 26, ink.SOFT, "rt")
        y = self._at_loss(0, self.frame.goal)[1]
        for x in range(round(left), round(right), 16):
            self._line(image, (x, y), (min(x + 8, right), y), ink.SOFT)
        self._text(image, (right - 4, y - 8), "there", 24, ink.SOFT, "rs")

    def _paths(self, pen: Any, last: int) -> None:
        box = self._map
        for minimum in self.race.surface.minima:
            self._star(pen, self._at(minimum))
        ways = [[self._at(point) for point in lane.points[: last + 1].tolist()] for lane in self.race.lanes]
        for place, way in enumerate(ways):
            self._path(pen, way, ink.stroke(place), 5, box, halo=True)
        for place, way in enumerate(ways):
            self._beads(pen, way, ink.stroke(place).color)
        self._disc(pen, self._at(self.race.start), 11, ink.INK, ink.PAPER)
        for place, way in enumerate(ways):
            if all(map(math.isfinite, way[-1])):
                self._disc(pen, way[-1], 10, ink.stroke(place).color, ink.PAPER)

    def _curves(self, pen: Any, last: int) -> None:
        for place, lane in enumerate(self.race.lanes):
            gaps = self.frame.gaps(lane)[: last + 1]
            way = [self._at_loss(step, gap) for step, gap in enumerate(gaps)]
            self._path(pen, way, ink.stroke(place), 4, self._losses, halo=True)

    # Places

    def _at(self, point: Sequence[float]) -> tuple[float, float]:
        """Where a point of the plane lies, in pixels of `WIDTH`."""
        left, right, bottom, top = self.frame.window
        x = _MAP_LEFT + (point[0] - left) / (right - left) * _MAP_WIDTH
        return x, _MAP_TOP + (top - point[1]) / (top - bottom) * _MAP_HEIGHT

    def _at_loss(self, step: float, gap: float) -> tuple[float, float]:
        """Where a loss lies; no loss is drawn below the panel's floor."""
        left, top, right, bottom = self._losses
        low, high = self.frame.reach
        height = math.log10(gap) if gap > 0 else low
        share = (max(height, low) - low) / (high - low) if math.isfinite(gap) else math.nan
        return left + step / self.race.steps * (right - left), bottom - share * (bottom - top)

    # Ink

    def _finely(self, image: Image.Image, box: Box, draw: Any, last: int) -> None:
        """Let `draw` draw inside `box` at a multiple of the size, and scale that down."""
        left, top, right, bottom = map(self._px, box)
        part = image.crop((left, top, right, bottom))
        large = part.resize((part.width * _FINE, part.height * _FINE), Image.Resampling.NEAREST)
        draw(_Pen(ImageDraw.Draw(large), (left, top), self.width / WIDTH), last)
        image.paste(large.reduce(_FINE), (left, top))

    def _path(self, pen: _Pen, way: Points, stroke: ink.Stroke, width: float, box: Box, *, halo: bool = False) -> None:
        around = (box[0] - 20, box[1] - 20, box[2] + 20, box[3] + 20)
        for stretch in ink.runs(way, around):
            if halo:
                pen.line(stretch, width + 5, ink.PAPER)
            for piece in _dashes(stretch, 16, 10) if stroke.dashed else [stretch]:
                pen.line(piece, width, stroke.color)

    def _beads(self, pen: _Pen, way: Points, color: ink.Color) -> None:
        """A dot where each step ended, as long as they do not run together."""
        last = way[0]
        for point in way[1:]:
            if all(map(math.isfinite, point)) and math.dist(point, last) >= 14:
                self._disc(pen, point, 6, color, ink.PAPER)
                last = point

    def _disc(self, pen: _Pen, at: tuple[float, float], radius: float, fill: ink.Color, edge: ink.Color) -> None:
        if all(-radius <= value <= 4 * WIDTH for value in at):
            pen.disc(at, radius, edge)
            pen.disc(at, radius - 2.5, fill)

    def _star(self, pen: _Pen, at: tuple[float, float]) -> None:
        for dx, dy in ((14, 0), (0, 14)):
            pen.line([(at[0] - dx, at[1] - dy), (at[0] + dx, at[1] + dy)], 5, ink.INK)

    def _line(self, image: Image.Image, a: tuple[float, float], b: tuple[float, float], color: ink.Color) -> None:
        ends = [(self._px(x), self._px(y)) for x, y in (a, b)]
        ImageDraw.Draw(image).line(ends, fill=color, width=max(1, self._px(2)))

    def _text(
        self, image: Image.Image, at: tuple[float, float], words: str, size: int, color: ink.Color, anchor: str
    ) -> None:
        place = (self._px(at[0]), self._px(at[1]))
        ImageDraw.Draw(image).text(place, words, fill=color, font=ink.font(self._px(size)), anchor=anchor)

    def _fitting(self, words: str, room: float) -> tuple[str, int]:
        """`words` and the size of their letters: smaller where they are long, and cut off where that is not enough."""
        size = 30 if ink.font(self._px(30)).getlength(words) <= self._px(room) else 24
        letters = ink.font(self._px(size))
        short = words
        while letters.getlength(short) > self._px(room) and len(short) > 2:
            short = short[:-2] + "…"
        return short, size


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws in pixels of `WIDTH` on an enlarged part of a picture."""

    on: ImageDraw.ImageDraw
    corner: tuple[int, int]
    scale: float

    def _at(self, point: tuple[float, float]) -> tuple[float, float]:
        return (
            (point[0] * self.scale - self.corner[0]) * _FINE,
            (point[1] * self.scale - self.corner[1]) * _FINE,
        )

    def line(self, points: Points, width: float, color: ink.Color) -> None:
        """A line through `points` with round joints and ends; Pillow's own joints go astray at sharp turns."""
        thick = max(1, round(width * self.scale * _FINE))
        drawn: tuple[float, float] | None = None
        for x, y in map(self._at, points):
            if drawn is not None and math.dist(drawn, (x, y)) < 1:
                continue
            self.on.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=color)
            if drawn is not None:
                self.on.line([drawn, (x, y)], fill=color, width=thick)
            drawn = (x, y)

    def disc(self, at: tuple[float, float], radius: float, color: ink.Color) -> None:
        """A filled circle."""
        (x, y), r = self._at(at), radius * self.scale * _FINE
        self.on.ellipse((x - r, y - r, x + r, y + r), fill=color)


def png(race: Race) -> bytes:
    """The picture of a race, as the bytes of a PNG file."""
    return _bytes(Picture(race).drawn())


def map_png(race: Race, width: int = WIDTH) -> bytes:
    """The map of a race alone, as the bytes of a PNG file."""
    return _bytes(Picture(race, width).map_drawn())


def _bytes(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def _dashes(way: Points, on: float, off: float) -> list[Points]:
    """A path cut into dashes of length `on`, `off` apart."""
    found: list[Points] = []
    piece: Points = [way[0]]
    left, inked = on, True
    for a, b in itertools.pairwise(way):
        length, done = math.dist(a, b), 0.0
        while length - done > left:
            done += left
            at = (a[0] + (b[0] - a[0]) * done / length, a[1] + (b[1] - a[1]) * done / length)
            if inked:
                found.append([*piece, at])
            piece, inked = [at], not inked
            left = on if inked else off
        left -= length - done
        piece.append(b)
    return [*found, piece] if inked and len(piece) > 1 else found
