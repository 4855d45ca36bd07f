"""Where and how a training begins when that is not as its recipe says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ravine.train.adjusted import UNCHANGED, Adjusted
from ravine.train.plan import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A place to begin at, and what is other from there on; as it is made, nothing.

    Attributes:
        state: A snapshot in memory to go on from; None: the newest of the run's folder, or the beginning.
        best: The best weights so far, to which `state` refers.
        adjusted: Settings on top of the recipe's.
        until: Step after which it halts, its schedule unfinished; None: the end.
        spent: Seconds that have gone by before, where no `state` tells them.
        decision: How a step is run, where that has been found out already.
    """

    state: dict[str, Any] | None = field(default=None, repr=False)
    best: dict[str, Any] | None = field(default=None, repr=False)
    adjusted: Adjusted = UNCHANGED
    until: int | None = None
    spent: float = 0.0
    decision: Decision | None = None
