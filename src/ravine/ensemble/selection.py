"""Which members to average, and how often: chosen one after the other by what they do for the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadValue
from ravine.core.intervals import Interval

Counts = NDArray[np.int64]


def greedy_selection(loss: Callable[[Counts], float], members: int, *, rounds: int = 25) -> Counts:
    """How often to take each member: greedy forward selection with replacement.

    Each round takes the member that lowers the loss of the average most, or raises it least; the round with the
    lowest loss of all counts, the earliest of equals. A member may be taken again, which weighs it.

    Args:
        loss: Of the ensemble with these counts, (members,), on rows that no member was trained on; lower is better.
        members: How many there are to choose from.
        rounds: The most that are taken, repeats counted.

    Returns: Counts, (members,), at least one of them above 0.

    Raises:
        BadValue: No members or rounds; a loss that is never a number.

    Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models", sections 2.1 and 2.2.

    >>> guesses = np.array([0.0, 4.0, 9.0])  # the truth is 3
    >>> greedy_selection(lambda counts: abs(counts @ guesses / counts.sum() - 3.0), 3, rounds=4).tolist()
    [1, 3, 0]
    """
    Interval(1).check("greedy selection", "members", members)
    Interval(1).check("greedy selection", "rounds", rounds)
    counts = np.zeros(members, dtype=np.int64)
    best, lowest = None, np.inf
    for _ in range(rounds):
        tried = np.array([loss(counts + one) for one in np.eye(members, dtype=np.int64)])
        tried[~np.isfinite(tried)] = np.inf
        counts[int(tried.argmin())] += 1
        if tried.min() < lowest:
            best, lowest = counts.copy(), float(tried.min())
    if best is None:
        raise BadValue("greedy selection: no member has a loss that is a number.")
    return best
