"""How sure a number measured on a few hundred rows can be: 95% intervals, and tests of a difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""A metric from sums over rows: (..., columns) → (...)."""


class Bounds(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Bounds:
    """Wilson's score interval of a share: sensible at 0%, at 100% and for few rows.

        centre = (p̂ + z²/2n) / (1 + z²/n)      half = z·√(p̂(1 − p̂)/n + z²/4n²) / (1 + z²/n)

    Args:
        successes: How many of the trials came out right.
        trials: How many there were; with none, anything is possible: [0, 1].
        confidence: Share of such intervals that hold the truth.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    >>> [round(end, 3) for end in wilson(360, 360)]
    [0.989, 1.0]
    """
    if trials == 0:
        return Bounds(0.0, 1.0)
    z = normal_quantile(0.5 + confidence / 2)
    share = successes / trials
    stretch = 1.0 + z * z / trials
    centre = (share + z * z / (2 * trials)) / stretch
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / stretch
    # At the ends of the scale the formula is exact, and rounding must not say otherwise.
    return Bounds(0.0 if successes == 0 else centre - half, 1.0 if successes == trials else centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two classifiers err equally often on the same rows.

    Only the rows where exactly one of them is right tell them apart; if they were equally good,
    each such row would be a fair coin.

    Source: McNemar 1947; the exact binomial form.

    >>> mcnemar(8, 0) == 2 / 2**8
    True
    """
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def paired_shares(only_first: int, only_second: int, rows: int, confidence: float = 0.95) -> Bounds:
    """Interval of the difference of two shares right, first less second, on the same rows.

        b, c ← b + ½, c + ½      n ← n + 2
        d = (b − c)/n            half = z·√(b + c − (b − c)²/n)/n

    Args:
        only_first: b, rows that only the first has right.
        only_second: c, rows that only the second has right.
        rows: n, all rows.
        confidence: Share of such intervals that hold the truth.

    Source: Agresti & Min 2005, "Simple improved confidence intervals for comparing matched proportions".
    """
    b, c, n = only_first + 0.5, only_second + 0.5, rows + 2.0
    half = normal_quantile(0.5 + confidence / 2) * math.sqrt(b + c - (b - c) ** 2 / n) / n
    difference = (b - c) / n
    return Bounds(max(-1.0, difference - half), min(1.0, difference + half))


class Bootstrap:
    """Intervals of metrics that are functions of sums over rows, by resampling the rows.

    Accuracy, F1, log loss, R², RMSE: all follow from a few sums, so a resample is one row of
    counts and all resamples of a metric are one matrix product. Beyond `groups` rows, rows are
    first gathered at random into that many groups of equal size, which are resampled instead:
    sums of random groups are as independent as rows are, and the work stays bounded.

    The same counts serve every metric of one instance, so differences are paired.

    Args:
        rows: How many rows there are.
        seed: Of the resamples; the same seed gives the same intervals.
        resamples: How many.
        groups: The most units that are resampled.

    Source: Efron 1987, "Better Bootstrap Confidence Intervals" (BCa): percentiles corrected for
    bias and skewness.
    """

    def __init__(self, rows: int, *, seed: int = 0, resamples: int = 2000, groups: int = 2000) -> None:
        self.rows = rows
        self.units = min(rows, groups)
        generator = np.random.default_rng([seed, rows])
        self._unit = generator.permutation(rows) % self.units if rows > self.units else np.arange(rows)
        drawn = generator.integers(0, self.units, (resamples, self.units))
        drawn += self.units * np.arange(resamples)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=resamples * self.units)
        self._counts = counts.reshape(resamples, self.units).astype(np.float32)

    def gather(self, parts: ArrayLike) -> Floats:
        """Contributions of rows, (rows,) or (rows, columns), summed by unit: (units, columns)."""
        values = np.asarray(parts, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if self.units == self.rows:
            return values
        columns = [np.bincount(self._unit, values[:, j], self.units) for j in range(values.shape[1])]
        return np.stack(columns, 1)

    def tally(self, classes: NDArray[np.int64], num_classes: int, where: NDArray[np.bool_] | None = None) -> Floats:
        """How often each class occurs in each unit, (units, num_classes), of the rows in `where`."""
        place = self._unit * num_classes + classes
        place = place if where is None else place[where]
        return np.bincount(place, minlength=self.units * num_classes).reshape(-1, num_classes).astype(np.float64)

    def interval(self, statistic: Statistic, parts: Floats, confidence: float = 0.95) -> Bounds | None:
        """The BCa interval of `statistic(parts.sum(0))`.

        Args:
            statistic: The metric as a function of the sums.
            parts: What each unit adds to the sums, as `gather` and `tally` give it.
            confidence: Share of such intervals that hold the truth.

        Returns:
            The interval, or None where resampling says nothing: no resample differs from the
            others (a perfect score), or too few give a number.
        """
        from scipy.special import ndtr, ndtri

        if self.units < 2:
            return None
        total = parts.sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(statistic(total))
            drawn = statistic(self._counts.astype(np.float64) @ parts)
            without = statistic(total - parts)
        drawn, without = drawn[np.isfinite(drawn)], without[np.isfinite(without)]
        if len(drawn) < 0.9 * len(self._counts) or not math.isfinite(value) or np.ptp(drawn) <= 1e-12 * abs(value):
            return None
        below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / len(drawn)
        bias = float(ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn))))
        gaps = without.mean() - without if len(without) else np.zeros(1)
        spread = float(np.sum(gaps**2))
        skew = float(np.sum(gaps**3)) / (6.0 * spread**1.5) if spread > 0 else 0.0
        z = ndtri([0.5 - confidence / 2, 0.5 + confidence / 2])
        shares = ndtr(bias + (bias + z) / np.maximum(1.0 - skew * (bias + z), 0.1))
        low, high = np.quantile(drawn, shares)
        return Bounds(float(low), float(high))


class Auroc(NamedTuple):
    """Area under the ROC curve, and what each row has to say about it."""

    value: float
    influence: Floats  # (rows,): the mean is 0; variance / rows is the variance of the value


def auroc(score: ArrayLike, truth: ArrayLike) -> Auroc:
    """The chance that a true row scores above a false one, ties counting half.

    The influences are DeLong's structural components, so an interval needs no resampling:
    several areas on the same rows are averaged by averaging influences.

    Args:
        score: (rows,), any order-preserving scale.
        truth: (rows,) bool.

    Returns: The area, NaN when all rows are true or all are false; and the influences.

    Source: DeLong et al. 1988, "Comparing the Areas under Two or More Correlated Receiver
    Operating Characteristic Curves".
    """
    from scipy.stats import rankdata

    scores, true = np.asarray(score, dtype=np.float64), np.asarray(truth, dtype=bool)
    num_true = int(true.sum())
    num_false = len(true) - num_true
    if num_true == 0 or num_false == 0:
        return Auroc(math.nan, np.zeros(len(true)))
    ranks = rankdata(scores)
    placement = np.empty(len(true))
    placement[true] = (ranks[true] - rankdata(scores[true])) / num_false
    placement[~true] = 1.0 - (ranks[~true] - rankdata(scores[~true])) / num_true
    value = float(placement[true].mean())
    weight = np.where(true, num_true / len(true), num_false / len(true))
    return Auroc(value, (placement - value) / weight)


def auroc_interval(areas: list[Auroc], confidence: float = 0.95) -> Bounds | None:
    """The interval of the mean of areas measured on the same rows, on the logit scale.

    Returns: None when no row was ranked wrong, where the spread cannot be seen.
    """
    value = float(np.mean([area.value for area in areas]))
    influence = np.mean([area.influence for area in areas], axis=0)
    rows = len(influence)
    error = math.sqrt(float(np.sum(influence**2)) / rows / max(rows - 1, 1))
    if not 0.0 < value < 1.0 or error == 0.0:
        return None
    centre = math.log(value / (1.0 - value))
    half = normal_quantile(0.5 + confidence / 2) * error / (value * (1.0 - value))
    return Bounds(1.0 / (1.0 + math.exp(half - centre)), 1.0 / (1.0 + math.exp(-half - centre)))


def normal_quantile(share: float) -> float:
    """The z below which `share` of a standard normal lies.

    >>> round(normal_quantile(0.975), 3)
    1.96
    """
    from scipy.special import ndtri

    return float(ndtri(share))
