"""The doctor: looks at a history for every symptom there is, and ranks what was seen."""

from __future__ import annotations

from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def examine(history: History) -> list[Finding]:
    """Findings about a training, worst and surest first; none for a healthy run.

    A symptom whose curves were never written abstains.
    """
    written = set(history.names("epoch")) | set(history.names("step"))
    found = [symptom.look(history) for symptom in SYMPTOMS.values() if written.issuperset(symptom.needs)]
    return sorted((one for one in found if one is not None), key=lambda one: (_RANK[one.severity], -one.confidence))
