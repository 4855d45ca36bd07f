"""Findings that sources leave: one line each to write."""

from __future__ import annotations

from typing import Any

from ravine.records.finding import Finding, Severity


def note(symptom: str, evidence: str, advice: str, **details: Any) -> Finding:
    """Something worth knowing about how the source was read."""
    return Finding(symptom=symptom, severity=Severity.NOTE, evidence=evidence, advice=advice, details=details)


def warning(symptom: str, evidence: str, advice: str, **details: Any) -> Finding:
    """Something about the source that a person should look at."""
    return Finding(symptom=symptom, severity=Severity.WARNING, evidence=evidence, advice=advice, details=details)


def some(values: list[str], most: int = 5) -> str:
    """The first few of many, in words.

    >>> some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(values[:most])
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown
