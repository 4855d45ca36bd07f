"""Spells: for how many steps every instrument is told of everything, and when again."""

from __future__ import annotations

from ravine.watch.bell import Bell
from ravine.watch.clock import Clock

_FIRST = 300
_LENGTH = 40


class Spells:
    """All of the first 300 steps; then spells of 40 steps, as many as the share of time allows.

    A program whose steps are long is told of in one spell from beginning to end.

    Args:
        bell: Whose instruments are told.
        clock: Tells how long the program has been watched.
        share: Share of its time that those may take which see spells.
    """

    def __init__(self, bell: Bell, clock: Clock, share: float) -> None:
        self._bell = bell
        self._clock = clock
        self._share = share
        self._change = _FIRST
        self._on = True

    def after_step(self, step: int) -> int:
        """Begin a spell, or end one, if it is time; returns the step at which to ask again."""
        if step >= self._change:
            self._change = step + _LENGTH
            affordable = self._bell.spent_in_spells <= self._share * self._clock.seconds()
            if self._on and not affordable:
                self._on = False
                self._bell.end_spell()
            elif not self._on and affordable:
                self._on = True
                self._bell.begin_spell()
        return self._change
