"""Rows as a person has them: what every source yields, before split and preparation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ravine.records.finding import Finding

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Table:
    """Feature columns as polars read them; the target is not among them."""

    frame: pl.DataFrame

    def __len__(self) -> int:
        return self.frame.height


@dataclass(frozen=True, slots=True)
class Images:
    """Pictures of one size: uint8, shape (rows, height, width, channels), 1 or 3 channels.

    May be a memory map when the pictures do not fit in memory.
    """

    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class Arrays:
    """Numbers of any meaning: float32, shape (rows, features) or (rows, length, features)."""

    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)


Inputs = Table | Images | Arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A data set as its source gives it.

    Attributes:
        name: Short name for people: "digits", "houses.csv".
        origin: What opens the same source again: the argument of `ravine fit`.
        inputs: The features, row by row.
        targets: One entry a row, numbers or text, shape (rows,); (rows, labels) of 0/1 for
            multi-label or of numbers for several targets; None when there is nothing to learn
            (prediction on rows without answers).
        target_names: Name of the target, or of each column of it.
        ids: What identifies a row for a person: an id column, a file path, or the row number.
        groups: Rows of one group stay on one side of the split; None without `--group`.
        times: Sortable; the split is in this order; None without `--time`.
        parts: "train", "val" or "test" for each row when the source comes already split.
        findings: What reading brought to light: skipped files, dropped columns.
    """

    name: str
    origin: str
    inputs: Inputs
    targets: NDArray[Any] | None
    target_names: tuple[str, ...] = ("target",)
    ids: NDArray[Any]
    groups: NDArray[Any] | None = None
    times: NDArray[Any] | None = None
    parts: NDArray[np.str_] | None = None
    findings: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.inputs)
