"""Rise, plateau, fall: a run whose end may be decided late."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.schedules.schedule import check_choice, check_factors

SHAPES = ("linear", "cosine", "sqrt")


@dataclass(frozen=True, slots=True)
class WarmupStableDecay:
    """From `start` to 1 in `warmup` steps, 1 for `stable` steps, to `floor` in `decay` steps.

        s = (t − warmup − stable)/decay, limited to [0, 1]
        factor(t) = start + (1 − start)·t/warmup                   for t < warmup
                    floor + (1 − floor)·fall(s)                    after that
        fall(s) = 1 − s (linear), (1 + cos πs)/2 (cosine), 1 − √s (sqrt)

    >>> plan = WarmupStableDecay(warmup=10, stable=70, decay=20)
    >>> plan(10), plan(79), plan(90), plan(100)
    (1.0, 1.0, 0.5, 0.0)

    Source: Hu et al. 2024, section 4; the square-root fall: Hägele et al. 2024.
    """

    warmup: float
    stable: float
    decay: float
    floor: float = 0.0
    start: float = 0.0
    shape: str = "linear"
    source: ClassVar[Source] = Source(
        "Hu et al.", 2024, "MiniCPM: Unveiling the Potential of Small Language Models", arxiv="2404.06395"
    )

    def __post_init__(self) -> None:
        check_factors(self, warmup=self.warmup, stable=self.stable, floor=self.floor, start=self.start)
        check_choice(self, "shape", self.shape, SHAPES)
        if not 0 < self.decay < math.inf:
            raise BadValue(refusal("warmup-stable-decay", "decay", "be above 0", self.decay))

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        if t < self.warmup:
            return self.start + (1 - self.start) * t / self.warmup
        share = min(max((t - self.warmup - self.stable) / self.decay, 0.0), 1.0)
        return self.floor + (1 - self.floor) * self._fall(share)

    def _fall(self, share: float) -> float:
        if self.shape == "cosine":
            return (1 + math.cos(math.pi * share)) / 2
        if self.shape == "sqrt":
            return 1 - math.sqrt(share)
        return 1 - share
