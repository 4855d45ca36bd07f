"""Values on another scale than the rest: wild outliers, squeezed pictures, parts read differently."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ravine.data.audit.sight import Check, Sight
from ravine.data.prepare.statistics import some
from ravine.data.raw import Arrays, Images
from ravine.data.task import Kind
from ravine.records.finding import Finding, Severity

WILD = 1000.0
"""Interquartile ranges from the median beyond which a value is hardly one of the column's own."""

APART = 3.0
"""Standard deviations between the means of two parts that chance and honest selection do not make."""

_LOOKED_AT = 2000  # pictures or rows of each part


def is_unscaled(sight: Sight) -> Iterator[Finding]:
    """What it sees: single values thousands of spreads away, in a column or in the target; pictures of 0 and 1.

    Not to be mistaken for: columns of different units, which standardizing takes care of; long tails.
    """
    wild: dict[str, float] = {}
    for column in sight.columns():
        if column.ordered and (value := _wildest(column.values)) is not None:
            wild[column.name] = value
    if wild:
        listed = some([f"{name} ({value:g})" for name, value in wild.items()], most=4)
        yield Finding(
            symptom="is-unscaled",
            severity=Severity.WARNING,
            evidence=f"values more than {WILD:,.0f} interquartile ranges from the median in {len(wild)} columns: "
            f"{listed}",
            advice="they are clipped at 8 standard deviations; if they stand for missing values, empty them",
            details={"wildest": wild},
        )
    if sight.task.kind is Kind.REGRESS and not sight.task.log:
        for name, values, _ in sight.answers:
            if (value := _wildest(values)) is not None:
                row = int(np.flatnonzero(values == value)[0])
                yield Finding(
                    symptom="has-unscaled-targets",
                    severity=Severity.WARNING,
                    evidence=f"target {name!r} reaches {value:g} in {sight.quoted([row])}, more than {WILD:,.0f} "
                    f"interquartile ranges from its median {np.median(values):g}",
                    advice="correct or remove these rows: squared errors will follow them alone",
                    details={"target": name, "value": value},
                )
    if isinstance(sight.raw.inputs, Images):
        pixels = sight.raw.inputs.pixels[_spread(sight.split.train)]
        if pixels.max() == 1:
            yield Finding(
                symptom="is-unscaled",
                severity=Severity.WARNING,
                evidence="pixels are 0 or 1 on a scale of 0 to 255, as if brightness in [0, 1] had been cut to "
                "whole numbers",
                advice="multiply by 255 before turning into uint8, unless the pictures are black and white",
            )


def differs_in_preprocessing(sight: Sight) -> Iterator[Finding]:
    """What it sees: published parts whose values lie apart, as after another scaling of one of them."""
    inputs = sight.raw.inputs
    if sight.raw.parts is None or not isinstance(inputs, Images | Arrays):
        return
    values = inputs.pixels if isinstance(inputs, Images) else inputs.values
    train = _by_row(values, sight.split.train)
    if len(train) < 2:
        return
    for part, rows in (("validation", sight.split.val), ("test", sight.split.test)):
        other = _by_row(values, rows)
        spread = max(float(train.std()), 1e-6)
        apart = abs(float(other.mean() - train.mean())) / spread if len(other) else 0.0
        if apart > APART:
            yield Finding(
                symptom="differs-in-preprocessing",
                severity=Severity.WARNING,
                evidence=f"mean value {train.mean():.4g} in training but {other.mean():.4g} in {part}: "
                f"{apart:.1f} standard deviations of rows apart",
                advice="scale both parts in the same way, best by giving raw values to both",
                details={"part": part, "train": float(train.mean()), "other": float(other.mean())},
            )


def _wildest(values: NDArray[np.float64]) -> float | None:
    """The value farthest from the median, if it is a wild one."""
    values = values[np.isfinite(values)]
    if len(values) < 20:
        return None
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    farthest = float(values[np.abs(values - median).argmax()])
    if high == low or abs(farthest - median) <= WILD * (high - low):
        return None
    if low > 0 and float(values.min()) > 0 and np.ptp(np.log(values)) < 8 * np.log(high / low):
        return None  # a long tail, even in its logarithm
    return farthest


def _spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[:: -(-len(rows) // _LOOKED_AT)] if len(rows) else rows


def _by_row(values: NDArray[np.generic], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean value of each of up to 2,000 rows."""
    chosen = values[_spread(rows)].reshape(len(_spread(rows)), -1).astype(np.float64)
    chosen[~np.isfinite(chosen)] = np.nan
    return np.array([np.nanmean(row) for row in chosen if np.isfinite(row).any()])


CHECKS = (
    Check("is-unscaled", is_unscaled),
    Check("differs-in-preprocessing", differs_in_preprocessing),
)
