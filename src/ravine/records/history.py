"""`History`: the one table of a training that every reader gives and every symptom reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ravine.records.columns import number_of_rows, rows_of
from ravine.records.facts import is_whole
from ravine.records.metrics import read_rows

if TYPE_CHECKING:
    from ravine.records.columns import Columns


_DAMAGED = object()  # the kind of rows that lack something


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


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of one column of another tool's log.

    Attributes:
        theirs: The column's own name.
        ours: The curve it became; "" where it was not taken for a curve.
        how: What was done with its values on the way; "" where they are as written.
    """

    theirs: str
    ours: str
    how: str = ""


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
    - "weights": matrices before the first step of an optimizer; `layers`, and of each the `scale`: the root mean square
      of its weights times √fan-in.
    - "input": one sampled batch; `part` ("train" or "val"), `mean`, `std`, `least`, `most`, `nonfinite`, `rows`, and
      the same of the targets with `target_` in front; `label_counts` where targets are classes.
    - "examples": single examples of a classification, of some steps (`part` "train") or of an evaluation ("val",
      "test"); `rows`, mean `loss`, `loss_median`, `loss_90`, `loss_99`, mean probability of the answer `best`, and
      shares: `right`, `sure` (of an answer, with more than 0.8), `certain` (sure and right; `certain_loss` theirs),
      `contradicted` (sure, and the target has less than 0.1), `far` (the target is in the less probable half of four
      classes or more). Of evaluations `class_rows` and `class_right`, examples of each class and those right.
    - "gradients": a sampled step and the next that was told of, `apart` steps later, where the row stands: `dot` of
      their gradients, norms `norm_before` and `norm`; `moved`, the norm of what the sampled step moved, its dots with
      the two gradients `slope_before` and, where the next step follows at once, `slope`; `rows_before` and `rows` of
      the batches; `share` of the parameters looked at, where it is not all of them.
    - "neighbours": once, what the data tell without the network; `of` ("classes", "values" or "tokens"), `train_rows`,
      `val_rows`, and how often nearest rows have the same label, as `ravine.diagnose.neighbours` reads it.
    - "fact": something exact about what the program does, under `fact`, its name, with details of its own.
    - "about": what is known of the training as a whole; later rows add to earlier ones. `task`, `classes`,
      `batch_size`, `train_rows`, `val_rows`, `steps_per_epoch`, `total_steps`, `parameters`, `optimizer`,
      `weight_decay`, `loss`, `resumed`, `higher_is_better`, `lower_is_better` (names of metrics); of other tools' logs
      also `step_unit`: "epoch" or "row" where the log counts no steps and `step` is that.

    Rows are dictionaries. A log of a million rows is kept in columns instead (`of_columns`); whoever reads through
    `series`, `names`, `layers`, `facts` and `about` need not know which.

    Attributes:
        source: Where it was read from, for people.
        mapping: Of another tool's log, what became of each of its columns.
        notes: What a reader did about the log's faults, a sentence each.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], source: str = "") -> None:
        self.source = source
        self.mapping: tuple[Mapped, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._beside = [dict(row) for row in rows]
        self._columns: Columns | None = None
        self._made: list[dict[str, Any]] | None = None
        self._number: int | None = None
        self._kept: dict[Any, Any] = {}
        self._kept_of = -1

    @classmethod
    def of_run(cls, metrics: Path) -> History:
        """The history of one of our own runs, from its `metrics.jsonl`."""
        return cls(read_rows(metrics), source=str(metrics))

    @classmethod
    def of_columns(cls, columns: Columns, beside: Iterable[Mapping[str, Any]] = (), source: str = "") -> History:
        """A history whose curves are arrays.

        Args:
            columns: Kind ("step", "epoch") → name of a curve → its steps, increasing, and its values, both
                (num_points,).
            beside: Rows of other kinds.
            source: Where it was read from.
        """
        history = cls(beside, source)
        history._columns = columns
        return history

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every row; a history kept in columns makes those of its curves when they are first asked for."""
        if self._columns is None:
            return self._beside
        if self._made is None:
            self._made = list(rows_of(self._columns))
        return [*self._made, *self._beside]

    @property
    def columns(self) -> Columns | None:
        """The curves as arrays, where they are kept so; None where rows are all there is."""
        return self._columns

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row; where curves are kept in columns, of a kind that holds none."""
        self._beside.append(dict(row))

    def series(self, name: str, kind: str = "epoch") -> Series:
        """The curve `name` from rows of `kind`; empty when it was never written."""
        found: Series = self._once(("series", name, kind), lambda: self._series(name, kind))
        return found

    def names(self, kind: str = "epoch") -> list[str]:
        """The curves there are, in the order they first came."""
        if self._columns is not None:
            return [*self._columns.get(kind, ())]
        return [*self._once(("names", kind), lambda: self._names(kind))]

    def layers(self, quantity: str) -> dict[str, Series]:
        """What was measured of `quantity` in each layer that has it, in the order of the forward pass."""
        return dict(self._once(("layers", quantity), lambda: self._layers(quantity)))

    def facts(self, name: str) -> list[dict[str, Any]]:
        """The facts called `name`, in the order they were seen."""
        return [row for row in self.of_kind("fact") if row.get("fact") == name]

    def examples(self, quantity: str, part: str) -> Series:
        """What was measured of `quantity` in single examples of one part, "train", "val" or "test"."""
        found: Series = self._once(("examples", quantity, part), lambda: self._examples(quantity, part))
        return found

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the training as a whole."""
        known: dict[str, Any] = {}
        for row in self.of_kind("about"):
            known.update({key: value for key, value in row.items() if key not in ("kind", "step")})
        return known

    @property
    def damaged(self) -> int:
        """How many rows lack what belongs to them; they are left out of everything else."""
        return len(self._once("kinds", self._by_kind).get(_DAMAGED, ()))

    def of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        """The rows of one kind, in order."""
        if self._columns is not None and kind in self._columns:
            return (row for row in self.rows if row.get("kind", "epoch") == kind)
        return iter(self._once("kinds", self._by_kind).get(kind, ()))

    def __len__(self) -> int:
        if self._columns is None:
            return len(self._beside)
        if self._number is None:
            self._number = number_of_rows(self._columns)
        return self._number + len(self._beside)

    def _series(self, name: str, kind: str) -> Series:
        if self._columns is not None:
            points = self._columns.get(kind, {}).get(name)
            return Series(name, *((), ()) if points is None else (tuple(column.tolist()) for column in points))
        found = [
            (int(row["step"]), float(row[name])) for row in self.of_kind(kind) if isinstance(row.get(name), int | float)
        ]
        return Series(name, tuple(step for step, _ in found), tuple(value for _, value in found))

    def _names(self, kind: str) -> dict[str, None]:
        seen: dict[str, None] = {}
        for row in self.of_kind(kind):
            for name, value in row.items():
                if name not in ("kind", "step") and isinstance(value, int | float):
                    seen[name] = None
        return seen

    def _layers(self, quantity: str) -> dict[str, Series]:
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

    def _examples(self, quantity: str, part: str) -> Series:
        points = [
            (int(row["step"]), float(value))
            for row in self.of_kind("examples")
            if row.get("part") == part
            and isinstance(row.get("step"), int)
            and isinstance(value := row.get(quantity), int | float)
        ]
        return Series(quantity, tuple(step for step, _ in points), tuple(value for _, value in points))

    def _by_kind(self) -> dict[Any, list[dict[str, Any]]]:
        found: dict[Any, list[dict[str, Any]]] = {}
        for row in self._beside:
            kind = row.get("kind", "epoch") if is_whole(row) else _DAMAGED
            found.setdefault(kind, []).append(row)
        return found

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, worked out once for the rows there are; symptoms by the dozen ask for the same curves."""
        if self._kept_of != len(self._beside):
            self._kept, self._kept_of = {}, len(self._beside)
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]
