"""A range test drawn: in a terminal and as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from ravine.core import ink
from ravine.core.braille import plotted

if TYPE_CHECKING:
    from ravine.search.find_lr import RateTest

WIDTH, HEIGHT = 1080, 640
"""Of a picture, in pixels."""

_FINE = 2  # drawn this many times larger and scaled down, which smooths edges
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, WIDTH - 40, 150, HEIGHT - 90


def terminal(test: RateTest, columns: int, rows: int) -> str:
    """Lines of dots, a number beside the first and the last, and the rates below."""
    low, high = _range(test)
    exponents = [math.log10(rate) for rate in test.rates]
    places = np.linspace(exponents[0], exponents[-1], 4 * columns)
    curve = np.clip(np.interp(places, exponents, test.smoothed), low, high).tolist()
    beside = {0: high, rows - 1: low}
    lines = []
    for row, line in enumerate(plotted([curve], columns, rows, low, high)):
        margin = f"{beside[row]:>9.4g} ┤" if row in beside else "          │"
        lines.append(margin + "".join(cell.character for cell in line))
    lines.append(f"          └{'─' * columns}")
    span = exponents[-1] - exponents[0]
    at = round((math.log10(test.suggested) - exponents[0]) / span * (columns - 1)) if span else 0
    first, last = f"{test.rates[0]:.0e}", f"{test.rates[-1]:.1e}"
    if 0 <= at < columns:
        lines.append(" " * (11 + at) + "▲")
    lines.append(f"           {first}{last.rjust(columns - len(first))}")
    return "\n".join(lines)


def png(test: RateTest) -> bytes:
    """The picture as the bytes of a PNG file."""
    low, high = _range(test)
    begin, end = math.log10(test.rates[0]), math.log10(test.rates[-1])
    end = max(end, begin + 1e-3)
    image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), ink.PAPER)
    pen = ImageDraw.Draw(image)

    def at(rate: float, loss: float) -> tuple[float, float]:
        x = _LEFT + (_RIGHT - _LEFT) * (math.log10(rate) - begin) / (end - begin)
        return x, _BOTTOM - (_BOTTOM - _TOP) * (min(max(loss, low), high) - low) / (high - low)

    _text(pen, (40, 66), f"Learning rate {test.suggested:.2g}", 40, ink.INK, "ls")
    _text(pen, (40, 108), test.reason, 24 if len(test.reason) < 84 else 20, ink.SOFT, "ls")
    for value in ink.ticks(low, high, 5):
        y = at(test.rates[0], value)[1]
        _line(pen, [(_LEFT, y), (_RIGHT, y)], ink.RULE, 1.5)
        _text(pen, (_LEFT - 12, y), ink.spelled(value), 22, ink.SOFT, "rm")
    for power in ink.decades(begin, end, 9):
        x = at(10.0**power, low)[0]
        _line(pen, [(x, _BOTTOM), (x, _BOTTOM + 8)], ink.SOFT, 1.5)
        _text(pen, (x, _BOTTOM + 16), f"1e{power}", 22, ink.SOFT, "mt")
    _line(pen, [(_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)], ink.SOFT, 2)
    _text(pen, (_RIGHT, _BOTTOM + 48), "learning rate", 22, ink.SOFT, "rt")
    _line(pen, [at(*pair) for pair in zip(test.rates, test.losses, strict=True)], ink.HIGH, 2)
    _line(pen, [at(*pair) for pair in zip(test.rates, test.smoothed, strict=True)], ink.LANES[1], 4)
    if begin <= math.log10(test.suggested) <= end:
        x = at(test.suggested, low)[0]
        _line(pen, [(x, _TOP), (x, _BOTTOM)], ink.LANES[0], 3)
    file = io.BytesIO()
    image.reduce(_FINE).save(file, "PNG", optimize=True)
    return file.getvalue()


def _range(test: RateTest) -> tuple[float, float]:
    """From the lowest to a little above the beginning: what comes after the loss was lost would hide the rest."""
    low = min(test.smoothed)
    start = test.smoothed[0]
    high = min(max(test.smoothed), start + max(0.3 * (start - low), 0.05 * abs(start)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _line(pen: ImageDraw.ImageDraw, way: Sequence[tuple[float, float]], color: Any, width: float) -> None:
    pen.line([(x * _FINE, y * _FINE) for x, y in way], fill=color, width=round(width * _FINE), joint="curve")


def _text(pen: ImageDraw.ImageDraw, at: tuple[float, float], words: str, size: int, color: Any, anchor: str) -> None:
    pen.text((at[0] * _FINE, at[1] * _FINE), words, fill=color, font=ink.font(size * _FINE), anchor=anchor)
