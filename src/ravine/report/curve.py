"""Points of a curve in epochs, few enough to draw."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ravine.records.history import History


@dataclass(frozen=True, slots=True)
class Curve:
    """x and y of one curve; y is None where the value was not finite."""

    xs: tuple[float, ...]
    ys: tuple[float | None, ...]

    def __len__(self) -> int:
        return len(self.xs)

    @property
    def finite(self) -> list[float]:
        """The values that are numbers."""
        return [y for y in self.ys if y is not None]

    @property
    def broken(self) -> int:
        """How many values are NaN or infinite."""
        return sum(y is None for y in self.ys)


def curve(history: History, name: str, kind: str = "epoch") -> Curve:
    """The curve `name` over epochs, or over steps in a history that counts none."""
    unit = x_unit(history)
    xs: list[float] = []
    ys: list[float | None] = []
    for row in history.rows:
        value = row.get(name)
        if row.get("kind", "epoch") != kind or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        xs.append(float(row.get(unit, 0)))
        ys.append(float(value) if math.isfinite(value) else None)
    return Curve(tuple(xs), tuple(ys))


def x_unit(history: History) -> str:
    """The unit of x: epochs when every row says its epoch, else steps."""
    return "epoch" if all(isinstance(row.get("epoch"), int | float) for row in history.rows) else "step"


def thinned(full: Curve, limit: int = 800) -> Curve:
    """At most about `limit` points: the lowest and the highest of each stretch, so that no spike is lost.

    >>> spike = thinned(Curve(tuple(map(float, range(10_000))), (0.0,) * 5_000 + (9.0,) + (0.0,) * 4_999))
    >>> len(spike) <= 801, max(spike.ys)
    (True, 9.0)
    """
    if len(full) <= limit:
        return full
    buckets = limit // 2
    kept: list[int] = []
    for bucket in range(buckets):
        start, stop = bucket * len(full) // buckets, (bucket + 1) * len(full) // buckets
        known = [place for place in range(start, stop) if full.ys[place] is not None]
        if not known:
            kept.append(start)
            continue
        low = min(known, key=lambda place: full.ys[place] or 0.0)
        high = max(known, key=lambda place: full.ys[place] or 0.0)
        kept += sorted({low, high})
    if kept[-1] != len(full) - 1:
        kept.append(len(full) - 1)
    return Curve(tuple(full.xs[place] for place in kept), tuple(full.ys[place] for place in kept))
