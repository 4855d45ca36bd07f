"""A column that is the answer in disguise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ravine.data.audit.sight import Check, Column, Sight
from ravine.records.finding import Finding, Severity

NEARLY_ALL = 0.9999
"""Share of rows a column must explain; the best honest single column of the classic tables reaches 0.98."""

FEWEST = 20
"""Rows below which one column may tell the answer by luck."""

FEWEST_FOR_THRESHOLDS = 500
"""Rows from which a column whose thresholds part the classes without one error is suspect.

In fewer rows an honest measurement does that at times: a petal's length parts iris setosa from
the other species in all 150 rows.
"""

REPEATS = 5.0
"""Rows a value, on average, from which values are taken as codes."""


def target_leaks(sight: Sight) -> Iterator[Finding]:
    """What it sees: one column that alone gives the target away.

    - a column of repeated values, each with one answer only;
    - a number whose order parts the classes without error, among many rows (a row number of a
      sorted file does);
    - a number in the same order as the target of a regression (|Spearman's ρ| ≥ 0.9999);
    - missing in exactly the rows of one class.

    Why it matters: such a column is often filled in after the answer is known, and is not there
    when predictions are needed.
    """
    if not sight.num_columns or len(sight.sample) < FEWEST:
        return
    for target, answer, classes in sight.answers[:20]:
        values = answer[sight.sample]
        if len(np.unique(values)) < 2:
            continue
        ranks = None if classes else _ranks(values)
        for column in sight.columns():
            told = _told_class(column, values) if ranks is None else _told_number(column, values, ranks)
            if told is not None:
                how, confidence = told
                yield Finding(
                    symptom="leaks",
                    severity=Severity.WARNING,
                    evidence=f"column {column.name!r} alone gives the target {target!r} away: {how}",
                    advice=f"if it is not known before the answer is, leave it out: --drop {column.name}",
                    confidence=confidence,
                    details={"column": column.name, "target": target, "rows": len(sight.sample)},
                )


def _told_class(column: Column, labels: NDArray[np.int64]) -> tuple[str, float] | None:
    """How the column gives the class away, and how sure that is."""
    missing = column.missing
    if missing.any() and (blank := _blank_class(missing, labels)):
        return blank
    values, groups = _groups(column.values)
    num_classes = int(labels.max()) + 1
    counts = np.bincount(groups * num_classes + labels, minlength=len(values) * num_classes).reshape(len(values), -1)
    right = counts.max(axis=1)
    if right.sum() < NEARLY_ALL * len(labels):
        return None
    num_seen = len(np.unique(labels))
    runs = 1 + int(np.count_nonzero(np.diff(counts.argmax(axis=1))))
    by_thresholds = column.ordered and len(values) > num_seen and runs <= 2 * num_seen
    if not by_thresholds:
        if len(labels) < REPEATS * len(values):
            return None
        return f"each of its {len(values)} values has one class only, in {len(labels):,} rows", 0.95
    if len(labels) < FEWEST_FOR_THRESHOLDS or np.bincount(labels).max() > len(labels) - FEWEST:
        return None
    cuts = f"{runs - 1} threshold{'s part' if runs > 2 else ' parts'}"
    return f"{cuts} the classes without an error in {len(labels):,} rows", 0.7


def _blank_class(missing: NDArray[np.bool_], labels: NDArray[np.int64]) -> tuple[str, float] | None:
    """Whether the column is blank in exactly the rows of one class."""
    label = int(labels[missing][0])
    blank, rows = int(missing.sum()), int((labels == label).sum())
    if min(blank, len(labels) - blank) < FEWEST // 2 or not np.array_equal(missing, labels == label):
        return None
    return f"it is missing in exactly the {rows:,} rows of one class", 0.9


def _told_number(column: Column, values: NDArray[np.float64], ranks: NDArray[np.float64]) -> tuple[str, float] | None:
    """How the column gives the number away, and how sure that is."""
    distinct, groups = _groups(column.values)
    if column.ordered:
        present = np.isfinite(column.values)
        if present.sum() >= max(FEWEST, len(values) // 2) and len(distinct) > 10:
            own = _ranks(column.values[present])
            other = ranks[present] if present.all() else _ranks(values[present])
            rho = _correlation(own, other)
            if abs(rho) >= NEARLY_ALL:
                return f"Spearman's rank correlation is {rho:.5f} over {int(present.sum()):,} rows", 0.9
    if len(distinct) < 2 or len(values) < REPEATS * len(distinct):
        return None
    counts = np.bincount(groups)
    means = np.bincount(groups, values) / counts
    explained = 1 - float(((values - means[groups]) ** 2).sum() / max(((values - values.mean()) ** 2).sum(), 1e-300))
    if explained < NEARLY_ALL:
        return None
    return f"its {len(distinct)} values explain {100 * explained:.2f}% of the variance in {len(values):,} rows", 0.9


def _groups(values: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """Different values in order, NaN being one of them, and the place of each row's value among them."""
    distinct, places = np.unique(values, return_inverse=True)
    return distinct, places.astype(np.int64)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=np.float64)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 0.0


CHECKS = (Check("leaks", target_leaks),)
