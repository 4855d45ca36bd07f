"""From records to a page; no torch here."""

from __future__ import annotations

from ravine.report.page import write_report
from ravine.report.text import summary

__all__ = ["summary", "write_report"]
