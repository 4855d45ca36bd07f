"""A straight line down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Schedule


@dataclass(frozen=True, slots=True)
class Linear(Schedule):
    """From `start` to `end` in `total` steps, then `end`.

        factor(t) = start + (end − start)·min(t, total)/total

    >>> line = Linear(100)
    >>> line(0), line(25), line(100), line(500)
    (1.0, 0.75, 0.0, 0.0)

    Args:
        total: Length; None: what is left of the run.
        end: Factor at the end.
        start: Factor at the beginning.

    Source: Defazio et al. 2023.
    """

    total: Time | None = None
    end: float = 0.0
    start: float = 1.0
    source: ClassVar[Source] = Source(
        "Defazio et al.",
        2023,
        "Optimal Linear Decay Learning Rate Schedules and Further Refinements",
        arxiv="2310.07831",
    )
    formula: ClassVar = "factor(t) = start + (end − start)·t/total"
    example: ClassVar = "linear"
    lengths: ClassVar = {"total": STEPS}
    span: ClassVar = "total"
    bounds: ClassVar = {"start": FACTOR, "end": FACTOR}

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return self.start + (self.end - self.start) * min(t / self._steps("total"), 1.0)
