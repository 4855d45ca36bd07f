"""Layers at the first step that was watched: what they were given, and what they made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ravine.records.history import History


@dataclass(frozen=True, slots=True)
class First:
    """One layer before it has learned: root mean squares of its input and output."""

    name: str
    given: float
    out: float

    @property
    def gain(self) -> float:
        """How many times larger the output is than the input."""
        return self.out / self.given if self.given > 0 else 0.0


def first_layers(history: History, names: Sequence[str]) -> list[First]:
    """Those of `names` whose input and output were measured at the first watched step; none when that is not step 0."""
    rows = [row for row in history.of_kind("layer") if row.get("layer") in names and row.get("in_std") is not None]
    if not rows or rows[0]["step"] > 1:
        return []
    first = [row for row in rows if row["step"] == rows[0]["step"]]
    layers = [First(row["layer"], _size(row, "in"), _size(row, "act")) for row in first]
    return [layer for layer in layers if math.isfinite(layer.given) and math.isfinite(layer.out)]


def _size(row: dict[str, Any], of: str) -> float:
    return math.hypot(row[f"{of}_mean"], row[f"{of}_std"])
