"""One cell of a log as a number: percentages, missing values, and what frameworks wrap around numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MISSING = frozenset({"", "na", "n/a", "null", "none", "-", "--", "nil", "?", "missing"})
"""Words for "not measured"; "nan" is none of them: it is what was measured."""
_WRAPPED = re.compile(r"(?:tensor|array|np\.float\d+|float\d+)\(\s*\[?\s*([^\s,\])]+)")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Cells:
    """One column: numbers, or words where it holds none.

    Attributes:
        values: NaN where nothing is present, (num_rows,).
        present: Where there is a value, which may be NaN itself, (num_rows,).
        words: The cells as text where most are no numbers, else None.
        percent: Whether values came with a percent sign; they are shares here.
    """

    values: NDArray[np.float64]
    present: NDArray[np.bool_]
    words: list[str | None] | None = None
    percent: bool = False


def cells(column: Sequence[Any]) -> Cells:
    """A column of anything, of numbers where at least half of what is there are numbers."""
    import numpy as np

    numbers: list[float] = []
    present: list[bool] = []
    strange = percents = 0
    for cell in column:
        value, percent = (cell, False) if type(cell) is float else _number(cell)
        percents += percent
        strange += value is None and not is_missing(cell)
        numbers.append(math.nan if value is None else value)
        present.append(value is not None)
    known = sum(present)
    words = None
    if strange > known or not known:
        words = [None if is_missing(cell) else str(cell) for cell in column]
    return Cells(
        np.array(numbers, dtype=np.float64), np.array(present, dtype=bool), words, percent=2 * percents > known
    )


def is_missing(cell: Any) -> bool:
    """Whether a cell says that nothing was measured."""
    return cell is None or (isinstance(cell, str) and cell.strip().strip("\"'").lower() in MISSING)


def number(text: str) -> float | None:
    """The number that `text` spells, percentages as shares; None when it spells none.

    >>> number("88.2%"), number("tensor(0.41, device='cuda:0')"), number("0,41"), number("loss")
    (0.882, 0.41, 0.41, None)
    """
    return _number(text)[0]


def _number(cell: Any) -> tuple[float | None, bool]:
    """The number of a cell, and whether it was a percentage."""
    if isinstance(cell, int | float):
        try:
            return float(cell), False
        except OverflowError:
            return math.copysign(math.inf, cell), False
    if not isinstance(cell, str):
        return None, False
    text = cell.strip().strip("\"'")
    if text.endswith("%"):
        share = _plain(text[:-1].rstrip())
        return (None, False) if share is None else (share / 100, True)
    found = _plain(text)
    if found is None and (wrapped := _WRAPPED.match(text)):
        found = _plain(wrapped[1])
    return found, False


def _plain(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        if _THOUSANDS.fullmatch(text):
            return float(text.replace(",", ""))
        return float(text.replace(",", ".")) if _DECIMAL_COMMA.fullmatch(text) else None
