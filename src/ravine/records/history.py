"""`History`: the one table of a training that every reader gives and every symptom reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravine.records.metrics import read_rows


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: values at increasing steps; a value may be NaN or infinite, never missing."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return iter(zip(self.steps, self.values, strict=True))

    def best(self, higher_is_better: bool) -> tuple[int, float]:
        """The step and value of the best finite point; raises ValueError when there is none."""
        finite = [(step, value) for step, value in self if math.isfinite(value)]
        if not finite:
            raise ValueError(f"{self.name}: no finite value")
        pick = max if higher_is_better else min
        return pick(finite, key=lambda point: point[1])


class History:
    """Curves by name, over optimizer steps. Names: `train_loss`, `val_loss`, `lr` and so on.

    A name may come at two densities: "step" rows (means over a few steps) and "epoch" rows.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], source: str = "") -> None:
        self.source = source
        self.rows = [dict(row) for row in rows]

    @classmethod
    def of_run(cls, metrics: Path) -> History:
        """The history of one of our own runs, from its `metrics.jsonl`."""
        return cls(read_rows(metrics), source=str(metrics))

    def series(self, name: str, kind: str = "epoch") -> Series:
        """The curve `name` from rows of `kind`; empty when it was never written."""
        points = [
            (int(row["step"]), float(row[name]))
            for row in self.rows
            if row.get("kind", "epoch") == kind and isinstance(row.get(name), int | float)
        ]
        return Series(name, tuple(step for step, _ in points), tuple(value for _, value in points))

    def names(self, kind: str = "epoch") -> list[str]:
        """The curves there are, in the order they first came."""
        seen: dict[str, None] = {}
        for row in self.rows:
            if row.get("kind", "epoch") == kind:
                seen.update(
                    (name, None)
                    for name, value in row.items()
                    if name not in ("kind", "step") and isinstance(value, int | float)
                )
        return list(seen)

    def __len__(self) -> int:
        return len(self.rows)
