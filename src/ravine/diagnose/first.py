"""Layers at the first step that was watched: what they were given, and what they made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ravine.diagnose.known import guess_loss
from ravine.records.history import History

KNOWS = 0.8  # of the loss of a guess


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


def first_scales(history: History) -> dict[str, float]:
    """Of each layer the root mean square of its first weights times √fan-in: what it multiplies independent inputs by.

    Schemes in use have 0.58 (torch's own), 1 (Glorot) or 1.41 (He, before ReLU). Layers that begin at zero are left
    out, and all are where watching began later.
    """
    found: dict[str, float] = {}
    for row in history.of_kind("weights"):
        names, scales = row.get("layers"), row.get("scale")
        if row.get("step") == 0 and isinstance(names, list) and isinstance(scales, list):
            pairs = zip(map(str, names), scales, strict=False)
            found |= {
                name: scale for name, scale in pairs if isinstance(scale, float) and scale > 0 and math.isfinite(scale)
            }
    return found


def begins_trained(history: History) -> bool:
    """Whether the first loss that was watched is that of a network that knows something: its weights are no first ones.

    A run that goes on and a pretrained network begin so; their weights may have grown beyond any scheme's.
    """
    guess, losses = guess_loss(history), history.series("train_loss", "step")
    return bool(history.about.get("resumed")) or (
        guess is not None and len(losses) > 0 and losses.values[0] < KNOWS * guess
    )


def _size(row: dict[str, Any], of: str) -> float:
    return math.hypot(row[f"{of}_mean"], row[f"{of}_std"])
