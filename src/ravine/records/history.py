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
    """Everything written down about a training: curves by name over optimizer steps, and what was seen beside them.

    Rows by kind:

    - "step" and "epoch": the curves, at two densities. `train_loss`, `val_loss`, `train_accuracy`,
      `val_accuracy` (or another metric with the same prefixes), `lr`, `grad_norm`, `clipped` (share of the steps
      that were clipped), `seconds`, `data_seconds`, `batch_size`. "step" rows may be means over a few steps.
    - "layer": one layer at one sampled step; `layer`, `type`, `depth` (place in the order of the forward pass, from
      0), and of `grad_norm`, `weight_norm`, `update_norm`, `act_mean`, `act_std`, `saturated` (share of activations on
      the flat), `silent` (share of units at zero for every row of the batch), `zeros` (share of activations at zero),
      `mean_drift` and `std_drift` (running statistics of a batch norm against the batch's) what it has.
    - "input": one sampled batch; `part` ("train" or "val"), `mean`, `std`, `least`, `most`, `nonfinite`, `rows`, and
      the same of the targets with `target_` in front; `label_counts` where targets are classes.
    - "fact": something exact about what the program does, under `fact`, its name, with details of its own.
    - "about": what is known of the training as a whole; later rows add to earlier ones. `task`, `classes`,
      `batch_size`, `train_rows`, `val_rows`, `steps_per_epoch`, `total_steps`, `parameters`, `optimizer`,
      `weight_decay`, `loss`, `resumed`, `higher_is_better`.
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

    def layers(self, quantity: str) -> dict[str, Series]:
        """What was measured of `quantity` in each layer that has it, in the order of the forward pass."""
        points: dict[str, list[tuple[int, float]]] = {}
        depths: dict[str, float] = {}
        for row in self.of_kind("layer"):
            value = row.get(quantity)
            if isinstance(value, int | float):
                points.setdefault(row["layer"], []).append((int(row["step"]), float(value)))
                depths.setdefault(row["layer"], row.get("depth", math.inf))
        return {
            name: Series(name, *(tuple(column) for column in zip(*points[name], strict=True)))
            for name in sorted(points, key=lambda name: depths[name])
        }

    def facts(self, name: str) -> list[dict[str, Any]]:
        """The facts called `name`, in the order they were seen."""
        return [row for row in self.of_kind("fact") if row.get("fact") == name]

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the training as a whole."""
        known: dict[str, Any] = {}
        for row in self.of_kind("about"):
            known.update({key: value for key, value in row.items() if key not in ("kind", "step")})
        return known

    def of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        """The rows of one kind, in order."""
        return (row for row in self.rows if row.get("kind", "epoch") == kind)

    def __len__(self) -> int:
        return len(self.rows)
