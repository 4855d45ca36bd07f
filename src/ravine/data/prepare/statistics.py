"""Statistics of columns of numbers, measured on training rows: what `NumberNormalizer` applies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.data.normalizers import CLIP, NumberNormalizer

MOST_SORTED = 20_000
"""Values a column is sorted by for its median and its tail; more are thinned out evenly."""

TAIL = 0.65
"""Skew of the quantiles, in [−1, 1], from which a column of positive numbers is taken as a logarithm.

(q₉₉ + q₁ − 2·q₅₀) / (q₉₉ − q₁): 0 for the normal, 0.53 for a gamma of shape 2, 0.70 for the
exponential, 0.82 for the log-normal distribution. Unlike moments it does not see single outliers.
"""

FEWEST_FOR_TAIL = 20
"""Different values below which a column is a code or a count rather than a quantity with a tail."""

OUTLIER_SHARE = 0.01
"""At most this share of a column is left out of its mean and std as outliers."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One column: mean, std and fill (the standardized median) after its tail is drawn in; see `NumberNormalizer`."""

    mean: float
    std: float
    fill: float
    tail: float | None  # scale of the logarithm
    missing: bool  # some training row misses it
    constant: bool  # training rows tell nothing apart by it


@dataclass(frozen=True, slots=True)
class Statistics:
    """Columns that are kept, in order, with their positions among the raw columns."""

    columns: tuple[Measured, ...]
    kept: tuple[int, ...]
    raw: int

    @classmethod
    def of(cls, columns: Iterable[NDArray[Any]], *, keep_constant: bool = False) -> Statistics:
        """Measure columns one by one, each (training rows,) with NaN where missing.

        Constant ones are left out; with `keep_constant` they become zeros.
        """
        measured = [measure(column) for column in columns]
        kept = tuple(place for place, column in enumerate(measured) if keep_constant or not column.constant)
        return cls(tuple(measured[place] for place in kept), kept, len(measured))

    @property
    def flagged(self) -> tuple[int, ...]:
        """Positions, among the kept columns, of those that get an indicator of missing."""
        return tuple(place for place, column in enumerate(self.columns) if column.missing)

    @property
    def width(self) -> int:
        """Columns after normalization."""
        return len(self.columns) + len(self.flagged)

    def normalizer(self) -> NumberNormalizer:
        """The layer that applies these statistics to raw columns."""
        table = np.array([(c.mean, c.std, c.fill, c.tail) for c in self.columns], dtype=np.float64).reshape(-1, 4)
        mean, std, fill, tail = (np.ascontiguousarray(column) for column in table.T)
        kept = None if len(self.kept) == self.raw else self.kept
        return NumberNormalizer(mean=mean, std=std, fill=fill, tail=tail, flagged=self.flagged, kept=kept)

    def describe(self, names: Sequence[str]) -> list[str]:
        """One sentence a step; `names` of the raw columns."""
        if not self.columns:
            return []
        steps = [f"{len(self.columns)} number columns: less mean, by standard deviation, clipped to ±{CLIP:g}"]
        kept = [names[place] for place in self.kept]
        tailed = [name for name, column in zip(kept, self.columns, strict=True) if column.tail is not None]
        if tailed:
            steps.append(f"long right tails drawn in by a logarithm: {some(tailed)}")
        if flagged := [kept[place] for place in self.flagged]:
            steps.append(f"missing numbers become the training median, with a column that says so: {some(flagged)}")
        if dropped := [name for place, name in enumerate(names) if place not in set(self.kept)]:
            steps.append(f"left out, constant in training: {some(dropped)}")
        return steps

    def to_json(self) -> dict[str, Any]:
        """These statistics in JSON's own types."""
        columns = [[c.mean, c.std, c.fill, c.tail, c.missing] for c in self.columns]
        return {"columns": columns, "kept": list(self.kept), "raw": self.raw}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Statistics:
        """The statistics that `to_json` wrote."""
        columns = tuple(
            Measured(mean, std, fill, tail, missing, constant=False)
            for mean, std, fill, tail, missing in value["columns"]
        )
        return cls(columns, tuple(value["kept"]), value["raw"])


def measure(column: NDArray[Any]) -> Measured:
    """Mean, std, median and tail of one column of training rows, (rows,), NaN where missing; infinities are skipped."""
    values = column.astype(np.float64)
    values = values[np.isfinite(values)]
    missing = bool(np.isnan(column).any())
    if not len(values):
        return Measured(0.0, 1.0, 0.0, None, missing, constant=True)
    ordered = np.sort(values[:: -(-len(values) // MOST_SORTED)])
    median = float(ordered[len(ordered) // 2] + ordered[(len(ordered) - 1) // 2]) / 2
    tail = _tail(ordered)
    if tail is not None:
        values, median = _drawn_in(values, tail), float(_drawn_in(np.array(median), tail))
    mean, std = _robust(values)
    if std == 0:
        return Measured(mean, 1.0, 0.0, None, missing, constant=not missing)
    return Measured(mean, std, float(np.clip((median - mean) / std, -CLIP, CLIP)), tail, missing, constant=False)


def some(names: Sequence[str], most: int = 6) -> str:
    """The first few names, and how many more there are.

    >>> some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    listed = ", ".join(names[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed


def _tail(ordered: NDArray[np.float64]) -> float | None:
    """Scale of the logarithm for a column with a long right tail, None for any other."""
    if ordered[0] < 0:
        return None
    if 1 + np.count_nonzero(np.diff(ordered)) < FEWEST_FOR_TAIL:
        return None
    skew = _quantile_skew(ordered)
    scale = float(np.median(ordered[ordered > 0]))
    if skew < TAIL or _quantile_skew(_drawn_in(ordered, scale)) >= skew:
        return None
    return scale


def _quantile_skew(ordered: NDArray[np.float64]) -> float:
    low, middle, high = np.quantile(ordered, [0.01, 0.5, 0.99])
    return float((high + low - 2 * middle) / (high - low)) if high > low else 0.0


def _drawn_in(values: NDArray[np.float64], tail: float) -> NDArray[np.float64]:
    return np.sign(values) * np.log1p(np.abs(values) / tail)


def _robust(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and std; values beyond ±8 std of the rest do not count, as long as they are few."""
    mean, std = _moments(values)
    for _ in range(10):
        if std == 0:
            break
        near = np.abs(values - mean) <= CLIP * std
        if near.all() or 1 - near.mean() > OUTLIER_SHARE:
            break
        closer_mean, closer_std = _moments(values[near])
        if closer_std == 0 or closer_std == std:
            break
        mean, std = closer_mean, closer_std
    return mean, std


def _moments(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and std; of values that are all the same, exactly 0."""
    if values.min() == values.max():
        return float(values[0]), 0.0
    return float(values.mean()), float(values.std())
