"""Enough rows to judge by, and no class that training never sees."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ravine.core.errors import BadData
from ravine.data.audit.sight import Check, Sight
from ravine.data.task import Kind
from ravine.records.finding import Finding, Severity

FEWEST = 20
"""Validation rows below which its metric says little: ±13 points at an accuracy of 90%."""


def validates_on_too_little(sight: Sight) -> Iterator[Finding]:
    """What it sees: a validation part so small that one row moves the metric by 5 points or more.

    Not to be mistaken for: a small but sufficient part; twenty rows are accepted.
    """
    rows = len(sight.split.val)
    if rows == 0:
        raise BadData(f"{sight.raw.name}: the validation part has no rows. Give --val a larger share, or more data.")
    if rows >= FEWEST:
        return
    half = 1.96 * math.sqrt(0.9 * 0.1 / rows)
    yield Finding(
        symptom="validates-on-too-little",
        severity=Severity.WARNING,
        evidence=f"{rows} validation rows: an accuracy of 90% would be known to ±{100 * half:.0f} points only",
        advice="use --folds 5 and average over the folds, or give --val a larger share",
        details={"rows": rows, "half_width": half},
    )


def has_unseen_classes(sight: Sight) -> Iterator[Finding]:
    """What it sees: classes in validation or test that no training row has."""
    if sight.task.kind is not Kind.CLASSIFY:
        return
    seen = np.unique(sight.labels[sight.split.train])
    if len(seen) < 2:
        raise BadData(
            f"{sight.raw.name}: the {len(sight.split.train):,} training rows are all of one class, "
            f"{sight.task.classes[int(seen[0])]!r}; nothing can be learned from them. Split them otherwise."
        )
    for part, rows in (("validation", sight.split.val), ("test", sight.split.test)):
        unseen = np.setdiff1d(sight.labels[rows], seen)
        if len(unseen):
            names = ", ".join(repr(sight.task.classes[label]) for label in unseen[:5])
            count = int(np.isin(sight.labels[rows], unseen).sum())
            yield Finding(
                symptom="has-unseen-classes",
                severity=Severity.WARNING,
                evidence=f"{count} of {len(rows):,} {part} rows are of classes without a training row: {names}",
                advice="they cannot be predicted right: move rows of these classes into training, or leave them out",
                details={"part": part, "classes": [sight.task.classes[label] for label in unseen]},
            )


CHECKS = (
    Check("validates-on-too-little", validates_on_too_little),
    Check("has-unseen-classes", has_unseen_classes),
)
