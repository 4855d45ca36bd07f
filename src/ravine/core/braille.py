"""Curves in a few lines of text: each character holds two by four dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Cell:
    """One character, and the number of the curve that set its last dot; -1 where there is none."""

    character: str
    curve: int


def plotted(curves: Sequence[Sequence[float]], columns: int, rows: int, low: float, high: float) -> list[list[Cell]]:
    """Curves as lines of characters, the highest first.

    Each curve's values are spread over the whole width. All that lie in one column of dots are
    drawn, so that no peak between two dots is lost, and neighbours are joined.

    Args:
        curves: Values in [low, high], each curve (num_values,), at least as many as dots in a line.
        columns: Characters a line.
        rows: Lines.
        low: Value at the lowest dot.
        high: Value at the highest dot, above `low`.

    >>> for line in plotted([[0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0]], columns=3, rows=1, low=0.0, high=3.0):
    ...     print("".join(cell.character for cell in line))
    ⡠⠊⢆
    """
    dots = [[0] * columns for _ in range(rows)]
    owner = [[-1] * columns for _ in range(rows)]
    for number, values in enumerate(curves):
        for x, (bottom, top) in enumerate(_spans(values, 2 * columns, 4 * rows, low, high)):
            for y in range(bottom, top + 1):
                row, column = rows - 1 - y // 4, x // 2
                dots[row][column] |= _DOTS[x % 2][3 - y % 4]
                owner[row][column] = number
    return [
        [Cell(chr(_BLANK + dot), curve) for dot, curve in zip(line, owners, strict=True)]
        for line, owners in zip(dots, owner, strict=True)
    ]


def _spans(values: Sequence[float], width: int, height: int, low: float, high: float) -> list[tuple[int, int]]:
    """The lowest and the highest dot of each column, touching the column before."""
    places = [round((value - low) / (high - low) * (height - 1)) for value in values]
    last = len(places) - 1
    found: list[tuple[int, int]] = []
    for x in range(width):
        first, end = x * last // (width - 1), max(x * last // (width - 1), (x + 1) * last // (width - 1) - 1)
        inside = places[first : min(end, last) + 1]
        bottom, top = min(inside), max(inside)
        if found and x:
            before = places[max(first - 1, 0)]
            bottom, top = min(bottom, before + (before < bottom)), max(top, before - (before > top))
        found.append((bottom, top))
    return found
