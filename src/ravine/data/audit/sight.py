"""What the audit looks at: the data set, the task and the split, with what several checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.data.raw import Arrays, Raw, Table
from ravine.data.split import Split
from ravine.data.task import Kind, Task, as_numbers, encode_targets
from ravine.records.finding import Finding

MOST_ROWS = 20_000
"""Rows that checks of single columns look at."""

MOST_CELLS = 4_000_000
"""Numbers that they look at in all, so that wide tables stay quick."""

QUOTED = 5
"""Rows named in a sentence; details list more."""

LISTED = 50
"""Rows listed in details."""


@dataclass(frozen=True)
class Column:
    """A feature of a table, or of an array with one number a feature."""

    name: str
    values: NDArray[Any]  # (sampled rows,): float64 with NaN where missing; or codes of texts, −1 where missing
    ordered: bool  # whether larger and smaller mean something

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no value, (rows,)."""
        return np.isnan(self.values) if self.ordered else self.values < 0


@dataclass(frozen=True)
class Sight:
    """The data under audit."""

    raw: Raw
    task: Task
    split: Split

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class number of each row, (rows,)."""
        assert self.task.kind is Kind.CLASSIFY
        return encode_targets(self.task, self._targets).astype(np.int64)

    @cached_property
    def answers(self) -> list[tuple[str, NDArray[Any], bool]]:
        """What is to be predicted, one by one: name, values (rows,), and whether they are classes."""
        if self.task.kind is Kind.CLASSIFY:
            return [(self.task.targets[0], self.labels, True)]
        numbers = as_numbers(self._targets)
        assert numbers is not None
        columns = numbers.reshape(len(numbers), -1).T
        classes = self.task.kind is Kind.MULTI_LABEL
        return [
            (name, column.astype(np.int64) if classes else column, classes)
            for name, column in zip(self.task.targets, columns, strict=True)
        ]

    @property
    def _targets(self) -> NDArray[Any]:
        assert self.raw.targets is not None  # the audit has refused data without targets
        return np.asarray(self.raw.targets)

    @cached_property
    def sample(self) -> NDArray[np.int64]:
        """Rows that single columns are judged by, ascending; all of them when they are few."""
        rows = len(self.raw)
        most = min(MOST_ROWS, max(500, MOST_CELLS // max(1, self.num_columns)))
        if rows <= most:
            return np.arange(rows, dtype=np.int64)
        return np.sort(np.random.default_rng(0).choice(rows, most, replace=False)).astype(np.int64)

    @property
    def num_columns(self) -> int:
        """Features that are columns; 0 for pictures and sequences."""
        inputs = self.raw.inputs
        if isinstance(inputs, Table):
            return inputs.frame.width
        return inputs.values.shape[1] if isinstance(inputs, Arrays) and inputs.values.ndim == 2 else 0

    def columns(self) -> Iterator[Column]:
        """The features one by one, over `sample`."""
        inputs = self.raw.inputs
        if isinstance(inputs, Table):
            for series in inputs.frame.get_columns():
                yield column_of(series if self.sees_all else series[self.sample])
        elif isinstance(inputs, Arrays) and self.num_columns:
            for place in range(self.num_columns):
                yield Column(f"x{place}", inputs.values[self.sample, place].astype(np.float64), ordered=True)

    def whole(self, column: Column) -> Column:
        """The same column over all rows."""
        inputs = self.raw.inputs
        if self.sees_all:
            return column
        if isinstance(inputs, Table):
            return column_of(inputs.frame[column.name])
        assert isinstance(inputs, Arrays)
        return Column(column.name, inputs.values[:, int(column.name[1:])].astype(np.float64), ordered=True)

    @property
    def sees_all(self) -> bool:
        """Whether the sample is every row."""
        return len(self.sample) == len(self.raw)

    def quoted(self, rows: Iterable[int], most: int = QUOTED) -> str:
        """Ids of the first few rows, for a sentence."""
        rows = list(rows)
        names = ", ".join(str(self.raw.ids[row]) for row in rows[:most])
        return f"row {names}" if len(rows) == 1 else f"rows {names}{' …' if len(rows) > most else ''}"

    def listed(self, rows: Iterable[int]) -> list[str]:
        """Ids of rows, for details."""
        return [str(self.raw.ids[row]) for row in list(rows)[:LISTED]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the audit: its name and the function that looks."""

    name: str
    look: Callable[[Sight], Iterable[Finding]]


def column_of(series: Any) -> Column:
    """A polars series as a column: numbers, flags and dates as float64, everything else as codes."""
    import polars as pl

    dtype = series.dtype
    if dtype.is_numeric() or dtype == pl.Boolean:
        return Column(series.name, series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), ordered=True)
    if dtype.is_temporal():
        numbers = series.to_physical().cast(pl.Float64)
        return Column(series.name, numbers.fill_null(float("nan")).to_numpy(), ordered=True)
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        codes = series.cast(pl.String).rank("dense").cast(pl.Int64).fill_null(-1)
        return Column(series.name, codes.to_numpy(), ordered=False)
    # Lists and the like cannot be compared; what is left to say is whether they are there.
    return Column(series.name, -series.is_null().cast(pl.Int64).to_numpy(), ordered=False)


def percent(share: float) -> str:
    """A share in words that never round a little to nothing.

    >>> percent(0.25), percent(0.00004)
    ('25%', '0.004%')
    """
    return f"{100 * share:.3g}%" if share < 0.1 else f"{100 * share:.0f}%"
