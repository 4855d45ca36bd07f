"""Arrays of numbers: features without names, or sequences of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ravine.core.errors import BadData
from ravine.core.shapes import InputShape
from ravine.data.normalizers import TableNormalizer
from ravine.data.prepare.base import Preparation, Rows, borrowed, refuse_kind
from ravine.data.prepare.statistics import Statistics
from ravine.data.raw import Arrays, Inputs


@dataclass(frozen=True, slots=True)
class ArrayPreparation(Preparation):
    """Statistics of each feature; over all positions when rows are sequences (length above 0)."""

    kind: ClassVar[str] = "arrays"

    statistics: Statistics
    length: int

    @classmethod
    def learn(cls, inputs: Arrays, train_rows: Rows) -> ArrayPreparation:
        """Measure the training rows, feature by feature.

        Raises:
            BadData: Every feature is constant.
        """
        values = inputs.values
        # Positions mean something to the user, whose own network may count on them: none is left out.
        statistics = Statistics.of(_columns(values, np.sort(train_rows)), keep_constant=True)
        if all(column.constant for column in statistics.columns):
            raise BadData(
                f"all {values.shape[-1]} features are constant in the training rows; there is nothing to learn from."
            )
        return cls(statistics, values.shape[1] if values.ndim == 3 else 0)

    @property
    def shape(self) -> InputShape:
        """A table of numbers, or a sequence."""
        if self.length:
            return InputShape(form="sequence", length=self.length, features=self.statistics.width)
        return InputShape(form="table", numeric=self.statistics.width)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """x0, x1, …: those that are kept."""
        return tuple(f"x{place}" for place in self.statistics.kept)

    def fields(self, inputs: Inputs, rows: Rows | None = None) -> tuple[torch.Tensor, ...]:
        """The raw numbers, float32 (rows, features) or (rows, length, features), all features of the user's."""
        if not isinstance(inputs, Arrays):
            raise refuse_kind("arrays", inputs)
        values = inputs.values
        wanted = (self.length, self.statistics.raw) if self.length else (self.statistics.raw,)
        if values.shape[1:] != wanted:
            words = "(rows, length, features)" if self.length else "(rows, features)"
            raise BadData(
                f"the model reads arrays {words} = (rows, {', '.join(map(str, wanted))}); got {values.shape}. "
                "Give arrays like those it was trained on."
            )
        chosen = values if rows is None else values[rows]
        return (borrowed(chosen.astype(np.float32, copy=False)),)

    def normalizer(self) -> nn.Module:
        """Numbers, and for tables an empty field of codes."""
        numbers = self.statistics.normalizer()
        return numbers if self.length else TableNormalizer(numbers)

    def describe(self) -> list[str]:
        """What is done to the features."""
        names = [f"x{place}" for place in range(self.statistics.raw)]
        return self.statistics.describe(names)

    def _content(self) -> dict[str, Any]:
        return {"statistics": self.statistics.to_json(), "length": self.length}

    @classmethod
    def _of_content(cls, value: dict[str, Any]) -> ArrayPreparation:
        return cls(Statistics.from_json(value["statistics"]), value["length"])


def _columns(values: NDArray[np.float32], rows: Rows) -> Iterator[NDArray[np.float32]]:
    """The features one by one over `rows`, read a few at a time: a column alone wastes what the cache fetched."""
    for start in range(0, values.shape[-1], _TOGETHER):
        block = values[rows, ..., start : start + _TOGETHER]
        yield from np.ascontiguousarray(block.reshape(-1, block.shape[-1]).T)


_TOGETHER = 16
