"""Tables: numbers and dates become one field, categories another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadData
from ravine.core.shapes import InputShape
from ravine.data.normalizers import TableNormalizer
from ravine.data.prepare.base import Preparation, Rows, borrowed, refuse_kind
from ravine.data.prepare.categories import FEWEST_ROWS, MOST_VALUES, CategoryColumn, is_code
from ravine.data.prepare.dates import DateColumn
from ravine.data.prepare.numbers import NumberColumn
from ravine.data.prepare.statistics import Statistics, some
from ravine.data.raw import Inputs, Table

if TYPE_CHECKING:
    import polars as pl

Scalar = NumberColumn | DateColumn


@dataclass(frozen=True, slots=True)
class TablePreparation(Preparation):
    """Columns by name, in the order of the training table.

    Attributes:
        scalars: Columns of the field of numbers; a date column gives several numbers.
        statistics: Of these numbers.
        categories: Columns of the field of codes.
        dropped: Columns that are left out, with the reason.
    """

    kind: ClassVar[str] = "table"

    scalars: tuple[Scalar, ...]
    statistics: Statistics
    categories: tuple[CategoryColumn, ...]
    dropped: tuple[tuple[str, str], ...] = ()

    @classmethod
    def learn(cls, inputs: Table, train_rows: Rows) -> TablePreparation:
        """Decide each column by its training rows.

        Raises:
            BadData: No column tells rows apart.
        """
        frame = inputs.frame[train_rows]
        scalars: list[Scalar] = []
        categories: list[CategoryColumn] = []
        dropped: list[tuple[str, str]] = []
        for series in frame.get_columns():
            column = _column(series)
            if isinstance(column, str):
                dropped.append((series.name, column))
            elif isinstance(column, CategoryColumn):
                categories.append(column)
            else:
                scalars.append(column)
        # Constant numbers are left out by name, so that new rows need not have them.
        measured = [Statistics.of(column.encode(frame[column.name]).T) for column in scalars]
        dropped += [
            (column.name, _CONSTANT) for column, part in zip(scalars, measured, strict=True) if not part.columns
        ]
        used = [pair for pair in zip(scalars, measured, strict=True) if pair[1].columns]
        if not used and not categories:
            told = "; ".join(f"{name}: {reason}" for name, reason in dropped[:5])
            raise BadData(f"no column tells the training rows apart, so there is nothing to learn from ({told}).")
        return cls(
            tuple(column for column, _ in used), _joined([part for _, part in used]), tuple(categories), tuple(dropped)
        )

    @property
    def shape(self) -> InputShape:
        """Numbers with their indicators, and codes."""
        return InputShape(
            form="table",
            numeric=self.statistics.width,
            cardinalities=tuple(column.cardinality for column in self.categories),
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns of the table that are used: numbers and dates, then categories."""
        return tuple(column.name for column in (*self.scalars, *self.categories))

    def fields(self, inputs: Inputs, rows: Rows | None = None) -> tuple[torch.Tensor, ...]:
        """Numbers float32 (rows, numbers), NaN where missing, and codes int64 (rows, categories)."""
        frame = self._frame(inputs)
        if rows is not None:
            frame = frame.select(self.feature_names)[rows]
        count = frame.height
        numbers = [column.encode(frame[column.name]) for column in self.scalars]
        codes = [column.encode(frame[column.name]) for column in self.categories]
        return (
            borrowed(np.concatenate(numbers, axis=1) if numbers else np.zeros((count, 0), np.float32)),
            borrowed(np.stack(codes, axis=1) if codes else np.zeros((count, 0), np.int64)),
        )

    def notes(self, inputs: Inputs) -> list[str]:
        """Which columns are ignored because training did not know them."""
        known = {*self.feature_names, *(name for name, _ in self.dropped)}
        extra = [name for name in self._frame(inputs).columns if name not in known]
        return [f"columns the model was not trained on are ignored: {some(extra)}"] if extra else []

    def normalizer(self) -> nn.Module:
        """Numbers standardized; codes as they are."""
        return TableNormalizer(self.statistics.normalizer())

    def describe(self) -> list[str]:
        """What is done to the columns."""
        steps = self.statistics.describe([name for column in self.scalars for name in column.names])
        if dates := [column.name for column in self.scalars if isinstance(column, DateColumn)]:
            steps.append(
                "dates become days since the first training date, year, and sine and cosine of month, day of week, day "
                f"of year and hour: {some(dates)}"
            )
        if self.categories:
            listed = [f"{column.name} ({len(column.values)} values)" for column in self.categories]
            steps.append(f"{len(self.categories)} category columns become embedded codes: {some(listed)}")
        if rare := [f"{column.name} ({len(column.rare)})" for column in self.categories if column.rare]:
            steps.append(
                f"values with fewer than {FEWEST_ROWS} training rows, or beyond the {MOST_VALUES:,} commonest, share "
                f"one code: {some(rare)}"
            )
        for reason in dict.fromkeys(reason for _, reason in self.dropped):
            steps.append(f"left out, {reason}: {some([name for name, why in self.dropped if why == reason])}")
        return steps

    def _frame(self, inputs: Inputs) -> pl.DataFrame:
        if not isinstance(inputs, Table):
            raise refuse_kind("a table", inputs)
        missing = [name for name in self.feature_names if name not in inputs.frame.columns]
        if missing:
            hint = did_you_mean(missing[0], inputs.frame.columns)
            listed = some([repr(name) for name in missing], most=20)
            raise BadData(
                f"the table lacks {len(missing)} of the {len(self.feature_names)} columns the model was trained on: "
                f"{listed}.{hint} Rename or add them; empty cells are allowed."
            )
        return inputs.frame

    def _content(self) -> dict[str, Any]:
        return {
            "scalars": [column.to_json() for column in self.scalars],
            "statistics": self.statistics.to_json(),
            "categories": [column.to_json() for column in self.categories],
            "dropped": [list(pair) for pair in self.dropped],
        }

    @classmethod
    def _of_content(cls, value: dict[str, Any]) -> TablePreparation:
        types: dict[str, type[Scalar]] = {"number": NumberColumn, "date": DateColumn}
        return cls(
            tuple(types[column["type"]](**_less_type(column)) for column in value["scalars"]),
            Statistics.from_json(value["statistics"]),
            tuple(
                CategoryColumn(column["name"], tuple(column["values"]), tuple(column["rare"]), column["flag"])
                for column in value["categories"]
            ),
            tuple((name, reason) for name, reason in value["dropped"]),
        )


_CONSTANT = "constant in training"


def _column(series: pl.Series) -> Scalar | CategoryColumn | str:
    """What a column is, learned from its training rows; or why it is left out."""
    import polars as pl

    dtype = series.dtype
    if series.null_count() == len(series):
        return "empty in training"
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return f"of type {dtype}"
    if dtype in (pl.Date, pl.Datetime):
        return DateColumn.learn(series)
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean) or is_code(series):
        column = CategoryColumn.learn(series)
        if column.tells:
            return column
        return _CONSTANT if len(column.values) + len(column.rare) == 1 else "hardly any value repeats"
    return NumberColumn.learn(series)


def _joined(parts: Sequence[Statistics]) -> Statistics:
    """Statistics of columns side by side."""
    kept: list[int] = []
    start = 0
    for part in parts:
        kept += [start + place for place in part.kept]
        start += part.raw
    return Statistics(tuple(column for part in parts for column in part.columns), tuple(kept), start)


def _less_type(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != "type"}
