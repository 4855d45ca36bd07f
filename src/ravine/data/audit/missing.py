"""Values that are missing or infinite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ravine.data.audit.sight import Check, Sight, percent
from ravine.data.prepare.statistics import some
from ravine.data.raw import Arrays, Table
from ravine.records.finding import Finding, Severity

MUCH = 0.5
"""Share of missing values from which a column deserves a warning."""

_CHUNK = 4_000_000  # numbers of an array looked at together


def has_nan_in_data(sight: Sight) -> Iterator[Finding]:
    """What it sees: missing values and infinities among the features.

    A few missing values in a table are ordinary and only noted: they are filled in. A column
    that is mostly empty, an infinity, or NaN in an array is a warning.
    """
    inputs = sight.raw.inputs
    if isinstance(inputs, Table):
        yield from _in_table(sight, inputs)
    elif isinstance(inputs, Arrays):
        yield from _in_arrays(sight, inputs)


def _in_table(sight: Sight, table: Table) -> Iterator[Finding]:
    import polars as pl

    rows = len(table)
    missing: dict[str, int] = {}
    infinite: dict[str, int] = {}
    for series in table.frame.get_columns():
        count = series.null_count()
        if series.dtype.is_float():
            count += int(series.is_nan().sum())
            if bad := int(series.is_infinite().sum()):
                infinite[series.name] = bad
        if 0 < count < rows:
            missing[series.name] = count
    if infinite:
        first = table.frame.select(pl.col(next(iter(infinite))).is_infinite().arg_true()).to_series()[0]
        yield Finding(
            symptom="has-nan-in-data",
            severity=Severity.WARNING,
            evidence=f"infinite values in {len(infinite)} columns ({_counted(infinite)}), first in "
            f"{sight.quoted([first])}",
            advice="they count as far outliers, clipped at 8 standard deviations; correct or empty them",
            details={"infinite": infinite},
        )
    if missing:
        much = {name: count for name, count in missing.items() if count > MUCH * rows}
        worst = dict(sorted((much or missing).items(), key=lambda pair: -pair[1]))
        cells = sum(missing.values()) / (rows * table.frame.width)
        told = f"{percent(cells)} of all cells are missing, in {len(missing)} of {table.frame.width} columns"
        yield Finding(
            symptom="has-nan-in-data",
            severity=Severity.WARNING if much else Severity.NOTE,
            evidence=f"{told}; {'more than half of ' if much else 'most in '}{_counted(worst)}",
            advice="they are filled in by the training median, or a code of their own; ask why they are missing",
            details={"missing": missing},
        )


def _in_arrays(sight: Sight, arrays: Arrays) -> Iterator[Finding]:
    values = arrays.values
    step = max(1, _CHUNK // max(1, int(np.prod(values.shape[1:]))))
    missing, infinite, rows = 0, 0, []
    for start in range(0, len(values), step):
        chunk = values[start : start + step]
        bad = ~np.isfinite(chunk)
        if bad.any():
            nan = int(np.isnan(chunk).sum())
            missing, infinite = missing + nan, infinite + int(bad.sum()) - nan
            rows += (start + np.flatnonzero(bad.reshape(len(chunk), -1).any(axis=1))).tolist()
    if rows:
        yield Finding(
            symptom="has-nan-in-data",
            severity=Severity.WARNING,
            evidence=f"{missing:,} NaN and {infinite:,} infinite values in {len(rows):,} of {len(values):,} rows: "
            f"{sight.quoted(rows)}",
            advice="NaN are filled in by the training median and infinities clipped; find out where they come from",
            details={"nan": missing, "infinite": infinite, "rows": sight.listed(rows)},
        )


def _counted(counts: dict[str, int]) -> str:
    return some([f"{name} ({count:,})" for name, count in counts.items()], most=4)


CHECKS = (Check("has-nan-in-data", has_nan_in_data),)
