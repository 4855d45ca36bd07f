"""A finding: one thing that is wrong, or worth knowing, with its evidence and what to do.

The data audit, the symptoms and the watcher all speak in findings, and pages and command
line print them; so the record lives here, below all of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ravine.core.errors import BadRun
from ravine.core.files import read_json, write_json


class Severity(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One symptom seen, in words and numbers.

    `symptom` reads after "this run …" or "this data …": "overfits", "leaks", "is-imbalanced".
    """

    symptom: str
    severity: Severity
    evidence: str  # one sentence with numbers: which curve or column, where, how far beyond noise
    advice: str  # one change to make, in words or code the user can paste
    confidence: float = 1.0  # in [0, 1]
    first_step: int | None = None  # optimizer step where it began; None where time plays no part
    details: dict[str, Any] = field(default_factory=dict)  # the numbers behind the evidence

    def to_json(self) -> dict[str, Any]:
        """This finding in JSON's own types."""
        return {**asdict(self), "severity": self.severity.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Finding:
        """The finding that `to_json` wrote."""
        return cls(**{**value, "severity": Severity(value["severity"])})


def write_findings(path: Path, findings: list[Finding]) -> None:
    """Write `findings.json`, whole."""
    write_json(path, {"findings": [finding.to_json() for finding in findings]})


def read_findings(path: Path) -> list[Finding]:
    """The findings of a run; none when nothing was written yet.

    Raises:
        BadRun: The file is damaged, or written by something else.
    """
    if not path.exists():
        return []
    try:
        return [Finding.from_json(value) for value in read_json(path)["findings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadRun(f"{path}: not as findings are written ({error}). Written by another version of Ravine?") from None
