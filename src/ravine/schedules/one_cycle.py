"""One rise, one long fall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Momenta, Schedule, check_momenta


@dataclass(frozen=True, slots=True)
class OneCycle(Schedule):
    """From `start` up to 1 in the share `rise` of the run, then down to `end` at its last step.

        top = rise·total − 1,  last = total − 1
        factor(t) = between(start, 1, t/top)                     for t ≤ top
                    between(1, end, (t − top)/(last − top))      after that, `end` beyond the run
        between(a, b, s) = b + (a − b)·(1 + cos πs)/2 (cosine) or a + (b − a)·s (linear)

    In three phases the fall first mirrors the rise, back to `start` in as many steps, and goes on
    to `end` from there. Momentum falls from the highest to the lowest while the rate rises, and
    comes back while it falls.

    The same numbers as torch's `OneCycleLR` with `div_factor=25, final_div_factor=1e4`.

    >>> cycle = OneCycle(total=100)
    >>> round(cycle(0), 9), cycle(29), cycle(99)
    (0.04, 1.0, 4e-06)

    Args:
        total: Length; None: what is left of the run.
        rise: Share of `total` that the rise takes.
        start: Factor at the beginning.
        end: Factor at the end.
        shape: Of each phase.
        phases: 2 or 3.
        momentum: The lowest, at the top of the rate, and the highest, or None to leave it alone.

    Source: Smith & Topin 2018; three phases and the momentum: Smith 2018, "A disciplined approach to
        neural network hyper-parameters".
    """

    total: Time | None = None
    rise: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25 / 1e4
    shape: str = "cosine"
    phases: int = 2
    momentum: Momenta | None = None
    source: ClassVar[Source] = Source(
        "Smith & Topin", 2018, "Super-Convergence: Very Fast Training Using Large Learning Rates", arxiv="1708.07120"
    )
    formula: ClassVar = "factor(t): start → 1 in rise·total steps, 1 → end in the rest, along half cosines"
    example: ClassVar = "one-cycle"
    lengths: ClassVar = {"total": STEPS}
    span: ClassVar = "total"
    bounds: ClassVar = {
        "start": FACTOR,
        "end": FACTOR,
        "rise": Interval(0.0, 1.0, left_open=True, right_open=True),
        "phases": Interval(2, 3),
    }
    options: ClassVar = {"shape": ("cosine", "linear")}

    def _check(self) -> None:
        object.__setattr__(self, "momentum", check_momenta(self, self.momentum))
        if self.phases not in (2, 3):
            raise BadValue(refusal("one-cycle", "phases", "be 2 or 3", self.phases))
        if self.phases == 3 and self.rise > 0.5:
            raise BadValue(refusal("one-cycle", "rise", "be at most 0.5 in three phases", self.rise))

    @property
    def rises(self) -> bool:
        """It begins at `start`."""
        return True

    @property
    def cycles_momentum(self) -> bool:
        """Whether a pair was given."""
        return self.momentum is not None

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        phase, share = self._place(t)
        marks = (self.start, 1.0, self.end) if self.phases == 2 else (self.start, 1.0, self.start, self.end)
        return self._between(marks[phase], marks[phase + 1], share)

    def momentum_at(self, t: float) -> float | None:
        """The momentum at step t."""
        if self.momentum is None:
            return None
        low, high = self.momentum
        phase, share = self._place(t)
        marks = (high, low, high, high)
        return self._between(marks[phase], marks[phase + 1], share)

    def _place(self, t: float) -> tuple[int, float]:
        """The phase at step t, from 0, and the share of it that is over."""
        total = self._steps("total")
        top, last = self.rise * total - 1, total - 1
        if t <= top:
            return 0, t / top if top > 0 else 1.0
        if self.phases == 2:
            return 1, min((t - top) / (last - top), 1.0)
        foot = 2 * self.rise * total - 2
        if t <= foot:
            return 1, (t - top) / (foot - top)
        return 2, min((t - foot) / (last - foot), 1.0)

    def _between(self, a: float, b: float, share: float) -> float:
        if self.shape == "linear":
            return a + (b - a) * share
        return b + (a - b) / 2 * (1 + math.cos(math.pi * share))
