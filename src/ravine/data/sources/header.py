"""The first line of a text table: names of columns, or already data."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import BadData
from ravine.data.sources.settle import MISSING

if TYPE_CHECKING:
    import polars as pl


def distinct(path: Path, names: list[str]) -> list[str]:
    """The names; each may occur once. An empty one becomes a number, or "index" where pandas writes its own."""
    if names[0] == "" and "index" not in names:
        names = ["index", *names[1:]]
    names = [name or f"column_{k + 1}" for k, name in enumerate(names)]
    for k, name in enumerate(names):
        if name in names[:k]:
            raise BadData(
                f"{path}: column name {name!r} is given twice, in columns {names.index(name) + 1} and {k + 1}. "
                "Rename one of them in the first line."
            )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def is_data(names: list[str]) -> bool:
    """Whether a line is all fractions: nobody names columns so."""
    return all(_is_number(name) and not name.lstrip("+-").isdigit() for name in names)


def lacks_names(frame: pl.DataFrame, names: list[str]) -> bool:
    """Whether the first line is data: its fields look like the values below them.

    A column of numbers with a number above it, or of text with one of its own values above it,
    speaks for data; a word above numbers or above few other words speaks for names, and so do
    evenly rising whole numbers (years, 0 1 2 …). Most columns must speak.
    """
    import polars as pl

    pairs = [pair for pair in zip(names, frame, strict=True) if pair[1].null_count() < len(pair[1])]
    votes = [_is_number(name) or name in MISSING for name, column in pairs if name and column.dtype.is_numeric()]
    if not all(votes):
        return False
    for name, column in pairs:
        if column.dtype == pl.String:
            if column.is_in([name]).any():
                votes.append(True)
            elif column.n_unique() <= 0.5 * len(column):
                votes.append(False)
        elif name and not column.dtype.is_numeric():
            votes.append(bool(re.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", name)) or name.lower() in ("true", "false"))
    if not all(votes) or 2 * len(votes) <= len(pairs):
        return False
    whole = [int(name) for name in names if name.isdecimal()]
    steps = {right - left for left, right in itertools.pairwise(whole)}
    return not (len(steps) == 1 and steps.pop() > 0 and (len(whole) > 2 or whole[1] - whole[0] == 1))
