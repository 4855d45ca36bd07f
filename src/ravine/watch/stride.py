"""Which steps are not told of, where telling of each costs too much."""

from __future__ import annotations

from math import ceil

from ravine.watch.bell import Bell
from ravine.watch.clock import Clock

_FIRST = 500  # steps that all are told of
_WEIGHED = 200  # steps from one weighing to the next
_HOOKS = 2.0  # what the hooks cost beside the instruments, measured with an MLP of ten thousand parameters
_MOST = 16


class Stride:
    """Lets steps pass, so many that the instruments told of the others take no more than a share of the time.

    Args:
        bell: Whose instruments are told.
        clock: Tells how long the program has been watched.
        share: Share of its time.
    """

    def __init__(self, bell: Bell, clock: Clock, share: float) -> None:
        self._bell = bell
        self._clock = clock
        self._share = share
        self._every = 1
        self._told = 0
        self._skipped = False
        self._weigh_at = _FIRST
        self._before = (0, 0.0, 0.0)

    def untold(self, step: int) -> int:
        """How many steps pass, after so many, before the next that is told of."""
        if step >= self._weigh_at:
            self._weigh(step)
        if self._skipped or self._every == 1:
            self._skipped = False
            self._told += 1
            return 0
        self._skipped = True
        return self._every - 1

    def _weigh(self, step: int) -> None:
        seconds, spent = self._clock.seconds(), self._bell.spent_steadily
        steps, earlier, spent_earlier = step - self._before[0], self._before[1], self._before[2]
        cost = _HOOKS * (spent - spent_earlier) / max(1, self._told)
        allowed = self._share * (seconds - earlier) / steps
        self._every = min(_MOST, max(1, ceil(cost / allowed))) if allowed > 0 and self._bell.may_pass() else 1
        self._before = (step, seconds, spent)
        self._told = 0
        self._weigh_at = step + _WEIGHED
