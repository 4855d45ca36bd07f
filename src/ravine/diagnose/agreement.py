"""What pairs of successive gradients say: how much of a gradient is noise of its batch, and whether steps overshoot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ravine.diagnose.known import number
from ravine.diagnose.noise import Estimate, of_share
from ravine.records.history import History

FEWEST = 6
"""Pairs, below which nothing is said about them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two successive gradients and the step between them; see rows of kind "gradients" in `History`.

    Attributes:
        step: Of the later gradient.
        dot: Of the two.
        squares: Mean of their squared norms.
        rows: Of their batches, the mean; None where not known.
        before: Slope of the loss along the step, at its beginning; below 0 where the step goes down.
        after: The same at its end, in another batch; None where other steps lie between.
        moved: Length of the step.
    """

    step: int
    dot: float
    squares: float
    rows: float | None
    before: float
    after: float | None
    moved: float

    @property
    def cosine(self) -> float:
        """Of the angle between the two gradients, nearly: over the mean of the squares instead of the product."""
        return self.dot / self.squares


def pairs(history: History, first: float = -math.inf, last: float = math.inf) -> list[Pair]:
    """The pairs whose later gradient was seen from step `first` to step `last`; those of no finite numbers left out."""
    known = number(history, "batch_size")
    found = [_pair(row, known) for row in history.of_kind("gradients") if first <= row["step"] <= last]
    return [pair for pair in found if pair is not None]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a stretch of pairs says together.

    Attributes:
        count: Pairs.
        signal: |G|² over the mean square of a gradient, G being that of all rows: 1 where batches agree, 0 where their
            noise is all there is, below 0 where each step reverses the gradient.
        rows: Of a batch; None where not known.
        overshooting: Share of the steps after which the loss rises along them, and half the width of its interval
            counted as two standard errors; None where too few were told.
        left: What the slope along a step is after it, over what it was before: 1 for a short step, 0 for one to the
            lowest point, −1 for one to the other side; None where too few were told.
    """

    count: int
    signal: Estimate
    rows: float | None
    overshooting: Estimate | None
    left: Estimate | None

    @property
    def noise_scale(self) -> tuple[float, float, float] | None:
        """Rows of a batch in whose gradient signal and noise are as large as each other: value, low and high end.

        tr Σ / |G|², with Σ the covariance of the gradients of single rows; the interval is of two standard errors, its
        high end infinite where there may be no signal at all. None where rows are not known.

        Source: McCandlish et al. 2018, "An empirical model of large-batch training", section 2.2 and appendix A.
        """
        if self.rows is None:
            return None
        value, low, high = (
            self.rows * (1 - share) / share if share > 0 else math.inf
            for share in (min(self.signal.value, 1.0), min(self.signal.high(), 1.0), min(self.signal.low(), 1.0))
        )
        return value, low, high

    @property
    def too_far(self) -> float:
        """How surely steps lead beyond the lowest point: both measures of it together, in standard errors.

        At rest on a floor slopes nearly cancel, and half of the steps or more lead up. 0 where none were told.
        """
        if self.overshooting is None or self.left is None:
            return 0.0
        share = (self.overshooting.value - 0.5) / max(self.overshooting.error, 1e-3)
        return (share - max(-10.0, min(self.left.z, 10.0))) / math.sqrt(2)


def agreement(found: Sequence[Pair]) -> Agreement | None:
    """What these pairs say together; None where they are too few."""
    if len(found) < FEWEST:
        return None
    rows = [pair.rows for pair in found if pair.rows]
    told = [(pair.before, pair.after) for pair in found if pair.after is not None and pair.moved > 0]
    overshooting = left = None
    if len(told) >= FEWEST:
        share = sum(after > 0 for _, after in told) / len(told)
        overshooting = Estimate(share, of_share(share, len(told)) / 2)
        left = _ratio([after for _, after in told], [before for before, _ in told])
    return Agreement(
        count=len(found),
        signal=_ratio([pair.dot for pair in found], [pair.squares for pair in found]),
        rows=sum(rows) / len(rows) if rows else None,
        overshooting=overshooting,
        left=left,
    )


def _ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """A ratio of two means, and its standard error to first order."""
    count, total = len(below), math.fsum(below)
    if total == 0:
        return Estimate(0.0, math.inf)
    value = math.fsum(above) / total
    squares = math.fsum((a - value * b) ** 2 for a, b in zip(above, below, strict=True))
    return Estimate(value, math.sqrt(squares * count / (count - 1)) / abs(total))


def _pair(row: dict[str, Any], batch_size: float | None) -> Pair | None:
    names = ("dot", "norm", "norm_before", "moved", "slope_before", "slope")
    values = {name: float(row[name]) for name in names if isinstance(row.get(name), int | float)}
    if not values.keys() >= set(names[:5]) or not all(map(math.isfinite, values.values())):
        return None
    squares = (values["norm"] ** 2 + values["norm_before"] ** 2) / 2
    if not 0 < squares < math.inf:
        return None
    counts = [float(row[name]) for name in ("rows", "rows_before") if isinstance(row.get(name), int | float)]
    return Pair(
        step=int(row["step"]),
        dot=values["dot"],
        squares=squares,
        rows=sum(counts) / len(counts) if counts else batch_size,
        before=values["slope_before"],
        after=values.get("slope"),
        moved=values["moved"],
    )
