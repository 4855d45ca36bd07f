"""Findings while the program runs: the doctor looks at growing intervals, and each finding is told once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

from ravine.diagnose.doctor import diagnose
from ravine.records.finding import Severity
from ravine.records.history import History
from ravine.watch.clock import Clock
from ravine.watch.verdict import live_line

_FIRST = 50
_GROWTH = 1.3


class Live:
    """Looks at steps 50, 100, 150 … and later after a third more steps, if time allows.

    Told is what is an error, and a warning that the next look confirms; notes wait for the verdict, and the doctor is
    told that the training still runs, so that nothing is said of how it ends.

    Args:
        history: Gives what was seen so far.
        say: Told of each finding once.
        clock: Tells how long the program has been watched.
        share: Share of the program's time that looking may take.
        grace: Seconds that it may take whatever the share.
    """

    def __init__(
        self,
        history: Callable[[], History],
        say: Callable[[str], None],
        clock: Clock,
        share: float,
        grace: float = 0.25,
    ) -> None:
        self._history = history
        self._say = say
        self._share = share
        self._grace = grace
        self._clock = clock
        self._next = _FIRST
        self._spent = 0.0
        self._last = 0.0
        self._told: set[str] = set()
        self._before: set[str] = set()

    def after_step(self, step: int) -> None:
        """Look, if it is time."""
        if step < self._next:
            return
        if self._spent + self._last > self._grace + self._share * self._clock.seconds():
            self._next = step + max(1, step // 100)
            return
        self._next = max(step + _FIRST, int(step * _GROWTH))
        began = perf_counter()
        try:
            self._look(step)
        except Exception as error:
            self._next = sys.maxsize
            self._say(f"no more findings while this runs, the doctor failed: {type(error).__name__}: {error}")
        self._last = perf_counter() - began
        self._spent += self._last

    def _look(self, step: int) -> None:
        history = self._history()
        history.rows.append({"kind": "about", "step": step, "running": True})
        found = diagnose(history).findings
        for finding in found:
            sure = finding.severity is Severity.ERROR or (
                finding.severity is Severity.WARNING and finding.symptom in self._before
            )
            if sure and finding.symptom not in self._told:
                self._told.add(finding.symptom)
                self._say(live_line(finding, step))
        self._before = {finding.symptom for finding in found}
