"""Columns of text that are something better: numbers, dates, flags, written in some usual way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    Reading = Callable[[pl.Series], pl.Series]

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "?")
"""What stands for nothing in every column."""

MISSING_NUMBER = (*MISSING, "-", "--", ".", "None", "none", "na")
"""What stands for nothing in a column whose other values are numbers, dates or flags."""

_FLAGS = {"true": True, "false": False}
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
_MOMENTS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.fZ")
_SAMPLE = 1000


def settled(frame: pl.DataFrame, *, decimal_comma: bool = False) -> pl.DataFrame:
    """`frame` with every text column in the narrowest type that holds all its values.

    Blanks around values are cut off, markers of missing values become null; then whole numbers,
    numbers, flags, dates and moments are tried in this order. A column where one value does not
    fit stays text.

    Args:
        frame: As read.
        decimal_comma: Whether "1.234,5" may be a number.

    >>> import polars as pl
    >>> settled(pl.DataFrame({"a": [" 1", "?", "3"], "b": ["-", "1.5", "x"]})).dtypes
    [Int64, String]
    """
    import polars as pl

    text = [column for column in frame if column.dtype == pl.String]
    return frame.with_columns([_settled(column, decimal_comma) for column in text])


def _settled(column: pl.Series, decimal_comma: bool) -> pl.Series:
    import polars as pl

    column = column.str.strip_chars()
    column = column.set(column.is_in(MISSING), None)
    numbers = column.set(column.is_in(MISSING_NUMBER), None)
    if numbers.null_count() == len(numbers):
        return column
    for tried in _readings(decimal_comma):
        sample = numbers.drop_nulls().head(_SAMPLE)
        if tried(sample).null_count():  # a cheap look before the whole column is tried
            continue
        better = tried(numbers)
        if better.null_count() == numbers.null_count():
            return better.alias(column.name)
    return column if column.dtype == pl.String else column.cast(pl.String)


def _readings(decimal_comma: bool) -> list[Reading]:
    import polars as pl

    def whole(column: pl.Series) -> pl.Series:
        return column.cast(pl.Int64, strict=False)

    def number(column: pl.Series) -> pl.Series:
        return column.cast(pl.Float64, strict=False)

    def comma_number(column: pl.Series) -> pl.Series:
        fits = column.str.contains(r"^[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d+)?([eE][+-]?\d+)?$")
        plain = column.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        return plain.set(~fits, None).cast(pl.Float64, strict=False)

    def flag(column: pl.Series) -> pl.Series:
        return column.str.to_lowercase().replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)

    def date(form: str) -> Reading:
        return lambda column: column.str.to_date(form, strict=False)

    def moment(form: str) -> Reading:
        return lambda column: column.str.to_datetime(form, strict=False, time_unit="us")

    return [
        whole,
        *([comma_number] if decimal_comma else []),
        number,
        flag,
        *(date(form) for form in _DATES),
        *(moment(form) for form in _MOMENTS),
    ]
