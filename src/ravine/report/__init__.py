"""From records to a page; no torch here.

A diagnosis needs none of what a report of a run does, and answers sooner without it: what is here is imported when
it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ravine.report.diagnosis import write_diagnoses, write_diagnosis
    from ravine.report.page import write_report
    from ravine.report.text import summary

_HOMES = {
    "summary": "ravine.report.text",
    "write_diagnoses": "ravine.report.diagnosis",
    "write_diagnosis": "ravine.report.diagnosis",
    "write_report": "ravine.report.page",
}

__all__ = ["summary", "write_diagnoses", "write_diagnosis", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ravine.report' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
