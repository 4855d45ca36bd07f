"""What a column looks like it holds: names of rows, prose, numbers with something stray among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

FEW_ROWS = 20
"""With fewer rows than this, distinct values say nothing about a column."""

_ID_NAMES = re.compile(
    r"(?i:(.*[\W_])?id|index|idx|unnamed: ?0|row_?names?|row_?(number|num|no|nr)|uuid|guid)$|.*[a-z](Id|ID)$"
)


def is_called_id(column: pl.Series) -> bool:
    """Whether its name says that it names rows, and its values (whole numbers or text) are all different."""
    import polars as pl

    if not (column.dtype.is_integer() or column.dtype == pl.String) or not _ID_NAMES.match(column.name):
        return False
    return column.n_unique() == len(column)


def has_own_value_a_row(column: pl.Series) -> bool:
    """Whether it is short text in which at least 95% of the values are different: tickets, codes, keys."""
    import polars as pl

    if column.dtype != pl.String or len(column) < FEW_ROWS:
        return False
    values = column.drop_nulls()
    return len(values) > 0 and values.n_unique() >= 0.95 * len(values) and not is_prose(column)


def is_prose(column: pl.Series) -> bool:
    """Whether it is long text that hardly ever repeats: sentences, names of people, addresses."""
    import polars as pl

    if column.dtype != pl.String:
        return False
    values = column.drop_nulls()
    if len(values) < FEW_ROWS or values.n_unique() <= 0.5 * len(values):
        return False
    sample = values.head(10_000)
    length, spaces = sample.str.len_chars().mean(), sample.str.count_matches(" ", literal=True).mean()
    assert isinstance(length, float)
    assert isinstance(spaces, float)
    return length > 40 or spaces >= 2


def strays(column: pl.Series) -> list[int]:
    """Rows, from 0, whose value is no number in a column of text where at least 90% of the values are."""
    import polars as pl

    if column.dtype != pl.String or len(column) < FEW_ROWS:
        return []
    sample = column.drop_nulls().head(1000)
    if not len(sample) or sample.cast(pl.Float64, strict=False).null_count() > 0.2 * len(sample):
        return []
    stray = column.is_not_null() & column.cast(pl.Float64, strict=False).is_null()
    rows = np.flatnonzero(stray.to_numpy()).tolist()
    return rows if len(rows) <= 0.1 * (len(column) - column.null_count()) else []
