"""Steps that increase: logs that were resumed, begun anew, written twice or out of order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_LEGS = 20
_EVEN = 0.8  # share of the distances between values that must be the usual one
_FEWEST_MEASURED = 3


class Order(NamedTuple):
    """Which values to keep, in which order, so that steps increase; `note` says why not all as they came."""

    places: NDArray[np.intp] | None  # None: all, as they are
    note: str = ""
    resumed: bool = False


def order(steps: NDArray[np.int64]) -> Order:
    """How to bring `steps`, in the order they were written, into increasing order.

    Where the log goes back and does steps again, what was written last counts, as in a run that was resumed from an
    earlier checkpoint; rows merely out of order are sorted.

    Args:
        steps: Of each value, (num_values,).
    """
    import numpy as np

    change = np.diff(steps)
    if (change > 0).all():
        return Order(None)
    falls = np.flatnonzero(change < 0) + 1
    if not len(falls):
        return Order(_last_of_each(steps, np.arange(len(steps))), "Several values at one step: the last counts.")
    if len(np.unique(steps)) == len(steps):
        return Order(np.argsort(steps, kind="stable"), "Rows were out of order: sorted by step.")
    if len(falls) > _MOST_LEGS:
        places = np.argsort(steps, kind="stable")
        return Order(
            _last_of_each(steps[places], places),
            "Rows were out of order: sorted by step; of several at one step the last counts.",
        )
    keep = np.ones(len(steps), dtype=bool)
    for start in falls:
        keep[:start] &= steps[:start] < steps[start]
    places = np.flatnonzero(keep)
    places = _last_of_each(steps[places], places)
    if steps[falls[-1]] <= steps[0]:
        return Order(places, f"The log begins anew {_times(len(falls))}: what was written last is read.")
    return Order(places, f"The log goes back {_times(len(falls))}, as a resumed run does: the last counts.", True)


def measured(values: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Where values were measured, in a column that is 0 or NaN wherever they were not; None where it is no such column.

    Seen conservatively: at least half are blank, and the others stand at even distances, never beside each other.

    Args:
        values: In the order written, (num_values,).
    """
    import numpy as np

    for blank in (values == 0, np.isnan(values)):
        places = np.flatnonzero(~blank)
        if len(places) < _FEWEST_MEASURED or 2 * len(places) > len(values) + 1:
            continue
        apart = np.diff(places)
        usual = np.median(apart)
        if apart.min() >= 2 and (apart == usual).mean() >= _EVEN and places[0] <= usual:
            return ~blank
    return None


def _last_of_each(steps: NDArray[np.int64], places: NDArray[np.intp]) -> NDArray[np.intp]:
    """The last place of each step among `steps`, which do not fall."""
    import numpy as np

    last: NDArray[np.intp] = places[np.append(steps[1:] != steps[:-1], True)]
    return last


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
