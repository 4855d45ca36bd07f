"""Classes and labels that are hardly ever there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ravine.data.audit.sight import Check, Sight, percent
from ravine.data.task import Kind
from ravine.records.finding import Finding, Severity

RATIO = 10.0
"""Commonest to rarest class; beyond it, accuracy hides how the rarest fares."""


def is_imbalanced(sight: Sight) -> Iterator[Finding]:
    """What it sees: a class ten times as common as another, or a label on fewer than one row in twenty.

    Why it matters: always answering the commonest class already looks accurate.
    Not to be mistaken for: two to one, which needs nothing.
    """
    if sight.task.kind is Kind.REGRESS:
        return
    if sight.task.kind is Kind.CLASSIFY:
        counts = np.bincount(sight.labels, minlength=len(sight.task.classes))
        rarest, commonest = int(counts.argmin()), int(counts.argmax())
        if counts[commonest] < RATIO * max(counts[rarest], 1):
            return
        names = sight.task.classes
        share = counts[commonest] / counts.sum()
        evidence = (
            f"{counts[commonest]:,} rows of {names[commonest]!r} but {counts[rarest]:,} of {names[rarest]!r}; "
            f"answering {names[commonest]!r} always is right for {percent(share)} of the rows"
        )
    else:
        counts = np.array([column.sum() for _, column, _ in sight.answers])
        names = sight.task.classes
        rare = [place for place in np.argsort(counts) if counts[place] * 20 < len(sight.raw)]
        if not rare:
            return
        listed = ", ".join(f"{names[place]!r} on {counts[place]:,}" for place in rare[:3])
        evidence = f"{len(rare)} of {len(names)} labels are on fewer than 5% of {len(sight.raw):,} rows: {listed}"
    yield Finding(
        symptom="is-imbalanced",
        severity=Severity.WARNING,
        evidence=evidence,
        advice="judge by the recall of the rare ones or the macro F1 rather than by accuracy, and collect more of them",
        details={"counts": {name: int(count) for name, count in zip(names, counts, strict=True)}},
    )


CHECKS = (Check("is-imbalanced", is_imbalanced),)
