"""Columns that tell nothing: constant, empty, or there twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ravine.core.errors import BadData
from ravine.data.audit.sight import Check, Column, Sight
from ravine.data.prepare.statistics import some
from ravine.data.raw import Arrays, Images
from ravine.records.finding import Finding, Severity


def has_constant_columns(sight: Sight) -> Iterator[Finding]:
    """What it sees: columns with one value in all rows, or with none. Preparation leaves them out."""
    inputs = sight.raw.inputs
    if isinstance(inputs, Images) or (isinstance(inputs, Arrays) and inputs.values.ndim == 3):
        values = inputs.pixels if isinstance(inputs, Images) else inputs.values
        if all(np.array_equal(row, values[0]) for row in values):
            raise BadData(f"{sight.raw.name}: all {len(values):,} rows are the same; there is nothing to learn from.")
        return
    empty: list[str] = []
    constant: list[str] = []
    for column in sight.columns():
        seen = _seen(column)
        if seen is not None:
            seen = _seen(sight.whole(column))
        if seen == "nothing":
            empty.append(column.name)
        elif seen == "one value":
            constant.append(column.name)
    if len(empty) == sight.num_columns:
        raise BadData(f"{sight.raw.name}: all {len(empty)} columns are empty; there is nothing to learn from.")
    if len(empty) + len(constant) == sight.num_columns:
        raise BadData(
            f"{sight.raw.name}: every column has one value in all rows ({some(constant)}); "
            "there is nothing to learn from."
        )
    if empty:
        yield Finding(
            symptom="has-empty-columns",
            severity=Severity.WARNING,
            evidence=f"{len(empty)} of {sight.num_columns} columns hold no value at all: {some(empty)}",
            advice="they are left out; check that they were read from the right place",
            details={"columns": empty},
        )
    if constant:
        yield Finding(
            symptom="has-constant-columns",
            severity=Severity.NOTE,
            evidence=f"{len(constant)} of {sight.num_columns} columns have one value in all rows: {some(constant)}",
            advice="they are left out; nothing needs to be done",
            details={"columns": constant},
        )


def has_duplicate_columns(sight: Sight) -> Iterator[Finding]:
    """What it sees: columns equal in every row, whatever their names and types."""
    first: dict[bytes, Column] = {}
    twins: list[tuple[str, str]] = []
    for column in sight.columns():
        if (column.values == column.values[0]).all():
            continue
        key = bytes([column.ordered]) + (column.values + 0).tobytes()  # + 0 turns −0 into 0
        if key in first:
            if _equal(sight.whole(first[key]), sight.whole(column)):
                twins.append((first[key].name, column.name))
        else:
            first[key] = column
    if twins:
        yield Finding(
            symptom="has-duplicate-columns",
            severity=Severity.NOTE,
            evidence=f"{len(twins)} columns repeat another one: {some([f'{b} = {a}' for a, b in twins])}",
            advice=f"leave one of each pair out: --drop {twins[0][1]}",
            details={"pairs": [list(pair) for pair in twins]},
        )


def _seen(column: Column) -> str | None:
    """Whether a column holds "nothing" or "one value"; None when it holds more."""
    missing = column.missing
    if missing.all():
        return "nothing"
    return "one value" if not missing.any() and bool((column.values == column.values[0]).all()) else None


def _equal(first: Column, second: Column) -> bool:
    return np.array_equal(first.values, second.values, equal_nan=first.ordered)


CHECKS = (
    Check("has-constant-columns", has_constant_columns),
    Check("has-duplicate-columns", has_duplicate_columns),
)
