"""What each tier may know of a run: the record with the rest taken away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

TIERS = ("A", "B", "C", "D")

RATES = ("lr", "grad_norm", "clipped", "batch_size", "objective", "seconds", "data_seconds")
PROBED = ("examples-mix", "sees-the-future")  # facts that take forward passes of the watcher's own
PROBES = ("mixing", "shifting")

Rows = list[dict[str, Any]]


def masked(rows: Iterable[dict[str, Any]], tier: str) -> Rows:
    """The rows that a tier has.

    A: losses and metrics, as any log has them, and nothing about the training. B: also rates, gradient norms, clipping,
    and what the program was told: classes, batch size, rows. C: also layers, inputs and what the program does. D: also
    what takes forward passes of the watcher's own.
    """
    if tier not in TIERS:
        raise ValueError(f"tier must be one of {', '.join(TIERS)}; got {tier!r}")
    kept: Rows = []
    for row in rows:
        kind = row.get("kind", "epoch")
        if kind in ("step", "epoch"):
            if tier == "A":
                row = {name: value for name, value in row.items() if not _is_rate(name)}
            kept.append(row)
        elif kind == "about":
            if tier != "A":
                kept.append(row)
        elif tier == "D" or (tier == "C" and not _is_probed(row)):
            kept.append(row)
    return kept


def until(rows: Iterable[dict[str, Any]], step: int) -> Rows:
    """What was known at a step."""
    return [row for row in rows if row.get("step", 0) <= step and row.get("kind") != "count"]


def _is_rate(name: str) -> bool:
    return name in RATES or name.startswith("lr_")


def _is_probed(row: dict[str, Any]) -> bool:
    return row.get("fact") in PROBED or (row.get("fact") == "looked-for" and row.get("check") in PROBES)
