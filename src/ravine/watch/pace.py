"""When to measure the costly things: often at the beginning, then as often as the promised share of time allows."""

from __future__ import annotations

from ravine.watch.clock import Clock


class Pace:
    """Decides which steps are sampled.

    The first steps all are; then every fifth, every tenth, and later every hundredth part of the steps so far, so
    that the record grows with the logarithm of the training. A step is left out as long as what was spent on samples
    is more than `share` of the time since the start, beyond a grace that nobody notices.

    Args:
        clock: Tells how long the program has been watched.
        share: Share of the program's time that samples may take, above 0.
        grace: Seconds that they may take whatever the share.
    """

    def __init__(self, clock: Clock, share: float, grace: float = 0.25) -> None:
        self._share = share
        self._grace = grace
        self._clock = clock
        self._next = 0

    def wants(self, step: int, spent: float) -> bool:
        """Whether `step` is to be sampled, `spent` seconds having gone into samples so far."""
        if step < self._next or not self.affords(spent):
            return False
        self._next = step + _gap(step)
        return True

    def affords(self, spent: float) -> bool:
        """Whether `spent` seconds are within the share."""
        return spent <= self._grace + self._share * self._clock.seconds()


def _gap(step: int) -> int:
    if step < 4:
        return 1
    return 5 if step < 50 else max(10, step // 100)
