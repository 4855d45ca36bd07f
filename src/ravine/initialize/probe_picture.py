"""A probe as a picture: the signal's size, flat and dead units, and gradients, layer by layer."""

from __future__ import annotations

import io
import itertools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ravine.core import ink
from ravine.initialize.probe import Probe

WIDTH = 1080
"""Of a picture, in pixels."""

_FINE = 2  # drawn this many times larger and scaled down, which smooths edges
_LEFT, _RIGHT = 110, WIDTH - 40
_TOP, _HIGH, _APART = 190, 300, 112

_MEASURED, _PREDICTED = ink.LANES[1], ink.LANES[0]
_SATURATED, _DEAD = ink.LANES[5], ink.LANES[4]

Points = list[tuple[int, float]]
"""Place of a layer, counted from 0, and a value."""


def png(probe: Probe, title: str) -> bytes:
    """The picture as the bytes of a PNG file."""
    words = [line for sentence in probe.words() for line in textwrap.wrap(sentence, 78)]
    height = _TOP + 3 * (_HIGH + _APART) + 36 * len(words) + 24
    sheet = _Sheet(height, places=len(probe.layers))
    sheet.text((40, 76), title, 46, ink.INK, "ls")
    told = f"{len(probe.layers)} layers in the order in which they run, {probe.batch} rows"
    sheet.text((40, 124), told, 27, ink.SOFT, "ls")

    deviations = [(place, layer.std) for place, layer in enumerate(probe.layers) if layer.predicted is not None]
    expected = [(place, layer.predicted) for place, layer in enumerate(probe.layers) if layer.predicted is not None]
    sheet.panel(0, "Standard deviation after weighted layers")
    if sheet.logs(0, [value for _, value in [*deviations, *expected]]):
        sheet.curve(0, expected, _PREDICTED, "predicted", dashed=True)
        sheet.curve(0, deviations, _MEASURED, "measured")

    sheet.panel(1, "Share of numbers saturated, of units dead on every row")
    sheet.shares(1)
    saturated = [(place, layer.saturated) for place, layer in enumerate(probe.layers) if layer.saturated is not None]
    dead = [(place, layer.dead) for place, layer in enumerate(probe.layers) if layer.dead is not None]
    sheet.bars(1, saturated, _SATURATED, "saturated")
    sheet.bars(1, dead, _DEAD, "dead")
    if not saturated and not dead:
        sheet.note(1, "no layer here that can be either")

    gradients = [(place, layer.gradient) for place, layer in enumerate(probe.layers) if layer.gradient is not None]
    sheet.panel(2, "Norm of the gradient of each layer's parameters")
    if sheet.logs(2, [value for _, value in gradients]):
        sheet.curve(2, gradients, _MEASURED, "")

    top = _TOP + 3 * (_HIGH + _APART) - 14
    for line, sentence in enumerate(words):
        sheet.text((40, top + 36 * line), sentence, 26, ink.INK, "lt")
    return sheet.bytes()


@dataclass(frozen=True, slots=True)
class _Scale:
    """Powers of ten at the foot and the head of a panel."""

    low: float
    high: float


class _Sheet:
    """The paper, and how layers and values become places on it."""

    def __init__(self, height: int, places: int) -> None:
        self.places = places
        self.image = Image.new("RGB", (WIDTH * _FINE, height * _FINE), ink.PAPER)
        self.on = ImageDraw.Draw(self.image)
        self.scales: dict[int, _Scale] = {}
        self.legend: dict[int, float] = {}

    def bytes(self) -> bytes:
        held = io.BytesIO()
        self.image.reduce(_FINE).save(held, "PNG", optimize=True)
        return held.getvalue()

    def panel(self, at: int, title: str) -> None:
        top, bottom = self._span(at)
        self.text((40, top - 22), title, 29, ink.INK, "ls")
        self.line([(_LEFT, bottom), (_RIGHT, bottom)], ink.SOFT, 2)
        for value in ink.ticks(1, max(self.places, 2), 12):
            if value == int(value) and 1 <= value <= self.places:
                x = self._x(int(value) - 1)
                self.line([(x, bottom), (x, bottom + 7)], ink.SOFT, 2)
                self.text((x, bottom + 12), f"{value:g}", 23, ink.SOFT, "mt")
        self.text((_RIGHT, bottom + 40), "layer", 23, ink.SOFT, "rt")

    def logs(self, at: int, values: Sequence[float | None]) -> bool:
        """A scale of powers of ten around `values`; False, and said so, where there are none to draw."""
        known = [math.log10(value) for value in values if value is not None and 0 < value < math.inf]
        if not known:
            self.note(at, "nothing here but zeros, or numbers that are not finite" if values else "no such layer")
            return False
        low, high = math.floor(min(known) - 0.05), math.ceil(max(known) + 0.05)
        if high - low < 2:
            low, high = (low - 1, high) if max(known) > low + 0.5 else (low, high + 1)
        self.scales[at] = _Scale(low, high)
        for power in ink.decades(low, high, 7):
            self._rule(at, float(power), f"1e{power}" if power else "1")
        return True

    def shares(self, at: int) -> None:
        self.scales[at] = _Scale(0.0, 1.0)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            self._rule(at, share, f"{share:.0%}")

    def curve(
        self, at: int, points: Sequence[tuple[int, float | None]], color: ink.Color, name: str, *, dashed: bool = False
    ) -> None:
        """Dots and the line through them; rings and dashes for what is only predicted. Zeros lie on the floor."""
        places: list[tuple[float, float]] = []
        for place, value in points:
            height = -math.inf if not value else math.log10(value) if 0 < value < math.inf else math.nan
            if not math.isnan(height):
                places.append((self._x(place), self._y(at, height)))
        for a, b in itertools.pairwise(places):
            self._dashed(a, b, color) if dashed else self.line([a, b], color, 4)
        for x, y in places:
            self.disc((x, y), 10 if dashed else 7, color)
            if dashed:
                self.disc((x, y), 6.5, ink.PAPER)
        self._key(at, color, name, ring=dashed)

    def bars(self, at: int, points: Sequence[tuple[int, float | None]], color: ink.Color, name: str) -> None:
        half = max(2.0, min(14.0, (_RIGHT - _LEFT) / max(self.places, 1) * 0.32))
        for place, value in points:
            if not value:
                continue
            x, y, foot = self._x(place), self._y(at, value), self._span(at)[1]
            self.on.rectangle([v * _FINE for v in (x - half, min(y, foot - 3), x + half, foot)], fill=color)
        if points:
            self._key(at, color, name)

    def note(self, at: int, words: str) -> None:
        top, bottom = self._span(at)
        self.text(((_LEFT + _RIGHT) / 2, (top + bottom) / 2), words, 26, ink.SOFT, "mm")

    def text(self, at: tuple[float, float], words: str, size: int, color: ink.Color, anchor: str) -> None:
        place = (at[0] * _FINE, at[1] * _FINE)
        self.on.text(place, words, fill=color, font=ink.font(size * _FINE), anchor=anchor)

    def line(self, points: Sequence[tuple[float, float]], color: ink.Color, width: int) -> None:
        self.on.line([(x * _FINE, y * _FINE) for x, y in points], fill=color, width=width * _FINE)

    def disc(self, at: tuple[float, float], radius: float, color: ink.Color) -> None:
        x, y = at
        self.on.ellipse([v * _FINE for v in (x - radius, y - radius, x + radius, y + radius)], fill=color)

    def _key(self, at: int, color: ink.Color, name: str, *, ring: bool = False) -> None:
        """The name of a curve, right of the panel's title."""
        if not name:
            return
        top = self._span(at)[0] - 31
        right = self.legend.get(at, float(_RIGHT))
        self.text((right, top), name, 25, ink.INK, "rm")
        left = right - ink.font(25).getlength(name) - 14
        self.disc((left - 8, top), 9, color)
        if ring:
            self.disc((left - 8, top), 5.5, ink.PAPER)
        self.legend[at] = left - 40

    def _rule(self, at: int, value: float, words: str) -> None:
        y = self._y(at, value)
        if y < self._span(at)[1] - 1:
            self.line([(_LEFT, y), (_RIGHT, y)], ink.RULE, 2)
        self.text((_LEFT - 12, y), words, 23, ink.SOFT, "rm")

    def _dashed(self, a: tuple[float, float], b: tuple[float, float], color: ink.Color) -> None:
        pieces = max(1, round(math.dist(a, b) / 8))
        for piece in range(0, pieces, 2):
            start, end = piece / pieces, min(1.0, (piece + 1) / pieces)
            ends = [(a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share) for share in (start, end)]
            self.line(ends, color, 3)

    def _span(self, at: int) -> tuple[int, int]:
        top = _TOP + at * (_HIGH + _APART) + 30
        return top, top + _HIGH - 40

    def _x(self, place: int) -> float:
        return _LEFT + (place + 0.5) / max(self.places, 1) * (_RIGHT - _LEFT)

    def _y(self, at: int, value: float) -> float:
        """Where a share or a power of ten lies; what is below the scale lies on its foot."""
        (top, bottom), scale = self._span(at), self.scales[at]
        share = (max(value, scale.low) - scale.low) / (scale.high - scale.low)
        return bottom - share * (bottom - top)
