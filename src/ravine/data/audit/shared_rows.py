"""Rows that validation or test share with training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.data.audit.sight import LISTED, Check, Sight, percent
from ravine.data.raw import Images, Table
from ravine.records.finding import Finding, Severity

MANY, FEWEST = 0.02, 3
"""Share and number of shared rows from which a part's metric is no longer to be trusted."""

COARSE = 100
"""Possible rows for each row there is, below which a table repeats itself by chance."""

_KEY_BYTES = 4096  # of a large picture that make its key; matches are then compared in full


def shares_rows(sight: Sight) -> Iterator[Finding]:
    """What it sees: validation or test rows whose features equal a training row's, to the last bit.

    Why it matters: the network has seen the answer, so the metric is too good.
    Not to be mistaken for: coarse tables, a few codes a row, where equal rows are ordinary; a
    handful of repeats among many rows. Both are only noted.
    """
    keys = _keys(sight)
    first: dict[Any, int] = {}
    for row in sight.split.train.tolist():
        first.setdefault(keys[row], row)
    parts: dict[str, list[tuple[int, int]]] = {}
    shares: list[float] = []
    for part, rows in (("validation", sight.split.val), ("test", sight.split.test)):
        pairs = [(first[keys[row]], row) for row in rows.tolist() if keys[row] in first]
        pairs = [pair for pair in pairs if _really_equal(sight, *pair)]
        if pairs:
            parts[part] = pairs
            shares.append(len(pairs) / len(rows))
    if not parts:
        return
    totals = {"validation": len(sight.split.val), "test": len(sight.split.test)}
    counted = " and ".join(
        f"{len(pairs):,} of {totals[part]:,} {part} rows ({percent(len(pairs) / totals[part])})"
        for part, pairs in parts.items()
    )
    everything = [pair for pairs in parts.values() for pair in pairs]
    old, new = everything[0]
    coarse = _coarse(sight)
    serious = max(shares) >= MANY and len(everything) >= FEWEST and not coarse
    told = "; few different rows are possible, so chance alone repeats them" if coarse else ""
    yield Finding(
        symptom="leaks",
        severity=Severity.WARNING if serious else Severity.NOTE,
        evidence=f"{counted} also occur in training with the same features, such as row {sight.raw.ids[new]}, "
        f"which equals row {sight.raw.ids[old]}{told}",
        advice="remove the repeats, or keep rows that belong together on one side with --group"
        if not coarse
        else "nothing, unless repeats were made by copying rows",
        confidence=1.0 if not coarse else 0.3,
        details={
            "pairs": [[str(sight.raw.ids[a]), str(sight.raw.ids[b])] for a, b in everything[:LISTED]],
            "same_target": _same_target(sight, everything),
            "counts": {part: len(pairs) for part, pairs in parts.items()},
        },
    )


def _keys(sight: Sight) -> list[Any]:
    """Something hashable for each row that equal rows share, and others but for one chance in 2⁶⁴ do not."""
    inputs = sight.raw.inputs
    if isinstance(inputs, Table):
        frame = inputs.frame
        return list(zip(frame.hash_rows(seed=0).to_list(), frame.hash_rows(seed=1).to_list(), strict=True))
    values = _values(sight)
    stride = _stride(values)
    return [_digest(row, stride) for row in values]


def _digest(row: NDArray[Any], stride: int) -> bytes:
    row = row.reshape(-1)[::stride]
    if row.dtype.kind == "f":
        row = row + 0  # −0 equals 0
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()


def _stride(values: NDArray[Any]) -> int:
    return -(-values.itemsize * int(np.prod(values.shape[1:])) // _KEY_BYTES)


def _values(sight: Sight) -> NDArray[Any]:
    inputs = sight.raw.inputs
    assert not isinstance(inputs, Table)
    return inputs.pixels if isinstance(inputs, Images) else inputs.values


def _really_equal(sight: Sight, first: int, second: int) -> bool:
    """Compare in full what only a part of was hashed."""
    if isinstance(sight.raw.inputs, Table) or _stride(_values(sight)) == 1:
        return True
    values = _values(sight)
    return np.array_equal(values[first], values[second], equal_nan=values.dtype.kind == "f")


def _coarse(sight: Sight) -> bool:
    """Whether a table has so few different values that equal rows are ordinary."""
    if not sight.num_columns:
        return False
    possible = sum(np.log10(max(1, len(np.unique(column.values)))) for column in sight.columns())
    return bool(possible < np.log10(COARSE * len(sight.raw)))


def _same_target(sight: Sight, pairs: list[tuple[int, int]]) -> int:
    """How many of the pairs have the same answer too."""
    old, new = np.array(pairs).T
    return int(np.all([values[old] == values[new] for _, values, _ in sight.answers], axis=0).sum())


CHECKS = (Check("leaks", shares_rows),)
