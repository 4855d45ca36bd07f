"""A very long history in fewer points, for those who look at it whole and many times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ravine.records.history import History

if TYPE_CHECKING:
    from ravine.records.columns import Points

MOST = 20_000


def condensed(history: History, most: int = MOST) -> History:
    """`history` with means of as many neighbours as it takes to leave at most about `most` points of each curve.

    Rows by the step may be means over a few steps, and of a million of them nobody reads single ones. Where one of
    the neighbours is no number, neither is the mean, and it stands at the step of the first such value: when a run
    broke is not blurred. A history whose curves are all short enough comes back as it is.
    """
    columns = history.columns
    if columns is None or all(len(steps) <= most for curves in columns.values() for steps, _ in curves.values()):
        return history
    shorter = {
        kind: {name: _means(points, most) for name, points in curves.items()} for kind, curves in columns.items()
    }
    beside = [
        row
        for kind in ("layer", "input", "gradients", "examples", "neighbours", "fact", "about")
        for row in history.of_kind(kind)
    ]
    found = History.of_columns(shorter, beside, history.source)
    longest = max(len(steps) for curves in columns.values() for steps, _ in curves.values())
    found.mapping = history.mapping
    found.notes = (*history.notes, f"Judged by means of {-(-longest // most)} rows each, so long is the log.")
    return found


def _means(points: Points, most: int) -> Points:
    """Means of equally many neighbours, each at the last step of them."""
    import numpy as np

    steps, values = points
    size = -(-len(steps) // most)
    if size <= 1:
        return points
    starts = np.arange(0, len(steps), size)
    stops = np.minimum(starts + size, len(steps))
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.add.reduceat(values, starts) / (stops - starts)
    places = stops - 1
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        blocks, first = np.unique(broken // size, return_index=True)
        places[blocks] = broken[first]
        means[blocks] = values[broken[first]]
    return steps[places], means
