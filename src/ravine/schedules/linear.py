"""A straight line down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.schedules.schedule import check_factors, check_steps


@dataclass(frozen=True, slots=True)
class Linear:
    """From `start` to `end` in `total` steps, then `end`.

        factor(t) = start + (end − start)·min(t, total)/total

    >>> line = Linear(100)
    >>> line(0), line(25), line(100), line(500)
    (1.0, 0.75, 0.0, 0.0)

    Source: Defazio et al. 2023.
    """

    total: float
    end: float = 0.0
    start: float = 1.0
    source: ClassVar[Source] = Source(
        "Defazio et al.",
        2023,
        "Optimal Linear Decay Learning Rate Schedules and Further Refinements",
        arxiv="2310.07831",
    )

    def __post_init__(self) -> None:
        check_steps(self, total=self.total)
        check_factors(self, start=self.start, end=self.end)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return self.start + (self.end - self.start) * min(t / self.total, 1.0)
