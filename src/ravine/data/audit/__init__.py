"""The audit: what is wrong with the data before any training, one check a function.

Checks yield findings; what cannot be trained on at all raises `BadData`.
"""

from __future__ import annotations

import numpy as np

from ravine.core.errors import BadData
from ravine.data.audit import balance, columns, label_noise, missing, rows, scale, shared_rows, target_leak
from ravine.data.audit.sight import Check, Sight
from ravine.data.infer import checked_targets
from ravine.data.raw import Raw
from ravine.data.split import Split
from ravine.data.task import Task
from ravine.records.finding import Finding, Severity

CHECKS: tuple[Check, ...] = (
    *columns.CHECKS,
    *rows.CHECKS,
    *balance.CHECKS,
    *shared_rows.CHECKS,
    *target_leak.CHECKS,
    *missing.CHECKS,
    *scale.CHECKS,
    *label_noise.CHECKS,
)
"""Every check, in the order of a report; the only list."""

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def audit(raw: Raw, task: Task, split: Split) -> list[Finding]:
    """What is worth knowing about the data, the worst first; empty when all is well.

    Looks at bounded samples where looking at everything would take long, always the same ones.
    What the source found while reading (`raw.findings`) is not repeated.

    Raises:
        BadData: Nothing can be learned: no target or a broken one, no column that varies, an
            empty part, training rows of one class.
    """
    checked_targets(raw)
    if not len(split.train):
        raise BadData(f"{raw.name}: the training part has no rows. Give --val and --test smaller shares.")
    sight = Sight(raw, task, split)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the end of float64
        found = [finding for check in CHECKS for finding in check.look(sight)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


__all__ = ["CHECKS", "Check", "Sight", "audit"]
