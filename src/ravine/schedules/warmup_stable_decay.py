"""Rise, plateau, fall: a run whose end may be decided late."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from ravine.core.sources import Source
from ravine.core.time import Clockwork, Time
from ravine.schedules.schedule import FACTOR, MOMENT, STEPS, Schedule, longer_than_run


@dataclass(frozen=True, slots=True)
class WarmupStableDecay(Schedule):
    """From `start` to 1 in `warmup` steps, 1 for `stable` steps, to `floor` in `decay` steps.

        s = (t − warmup − stable)/decay, limited to [0, 1]
        factor(t) = start + (1 − start)·t/warmup                   for t < warmup
                    floor + (1 − floor)·fall(s)                    after that
        fall(s) = 1 − s (linear), (1 + cos πs)/2 (cosine), 1 − √s (sqrt)

    >>> plan = WarmupStableDecay(warmup=10, stable=70, decay=20)
    >>> plan(10), plan(79), plan(90), plan(100)
    (1.0, 1.0, 0.5, 0.0)

    Args:
        warmup: Length of the rise.
        stable: Length of the plateau; None: what the others leave of the run.
        decay: Length of the fall.
        floor: Factor at the end.
        start: Factor at the beginning.
        shape: Of the fall.

    Source: Hu et al. 2024, section 4; the square-root fall: Hägele et al. 2024.
    """

    warmup: Time = "5%"
    stable: Time | None = None
    decay: Time = "20%"
    floor: float = 0.0
    start: float = 0.0
    shape: str = "linear"
    source: ClassVar[Source] = Source(
        "Hu et al.", 2024, "MiniCPM: Unveiling the Potential of Small Language Models", arxiv="2404.06395"
    )
    formula: ClassVar = "factor(t): start → 1 in warmup, 1 for stable, 1 → floor in decay"
    example: ClassVar = "warmup-stable-decay(decay=20%, shape=sqrt)"
    lengths: ClassVar = {"warmup": MOMENT, "stable": MOMENT, "decay": STEPS}
    span: ClassVar = "stable"  # the one that gives way
    bounds: ClassVar = {"floor": FACTOR, "start": FACTOR}
    options: ClassVar = {"shape": ("linear", "cosine", "sqrt")}

    @property
    def rises(self) -> bool:
        """It begins with a warmup of its own."""
        return True

    def takes(self, run: Clockwork | None = None) -> float | None:
        """Steps of its three parts together."""
        if self.stable is None:
            return None
        return sum(self._exact(name, run) or 0.0 for name in self.lengths)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        warmup, decay = self._steps("warmup"), self._steps("decay")
        if t < warmup:
            return self.start + (1 - self.start) * t / warmup
        share = min(max((t - warmup - self._steps("stable")) / decay, 0.0), 1.0)
        return self.floor + (1 - self.floor) * self._fall(share)

    def _filling(self, run: Clockwork, left: float) -> Schedule:
        warmup, decay = self._in_run("warmup", self.warmup, run), self._in_run("decay", self.decay, run)
        takes = self.takes(run)
        if takes is not None and abs(takes - left) >= 1:
            return replace(self, warmup=warmup, stable=self._whole("stable", run, left), decay=decay)
        if warmup + decay > left:
            raise longer_than_run(self, warmup + decay, run)
        return replace(self, warmup=warmup, stable=left - warmup - decay, decay=decay)

    def _fall(self, share: float) -> float:
        if self.shape == "cosine":
            return (1 + math.cos(math.pi * share)) / 2
        if self.shape == "sqrt":
            return 1 - math.sqrt(share)
        return 1 - share
