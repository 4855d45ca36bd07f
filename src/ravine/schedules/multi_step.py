"""A staircase with steps at chosen times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.schedules.schedule import check_factors


@dataclass(frozen=True, slots=True)
class MultiStep:
    """Times `factor` at each step in `at`.

        factor(t) = factor^|{a ∈ at : a ≤ t}|

    >>> stairs = MultiStep(at=(10, 30), factor=0.5)
    >>> [stairs(t) for t in (9, 10, 29, 30)]
    [1.0, 0.5, 0.5, 0.25]

    Source: He et al. 2016, section 4.2: divided by 10 at 32,000 and 48,000 of 64,000 steps.
    """

    at: Sequence[float]
    factor: float = 0.1
    source: ClassVar[Source] = Source(
        "He et al.", 2016, "Deep Residual Learning for Image Recognition", arxiv="1512.03385"
    )

    def __post_init__(self) -> None:
        check_factors(self, factor=self.factor)
        at = tuple(self.at)
        if not all(step >= 0 for step in at) or list(at) != sorted(at):
            raise BadValue(refusal("multi-step", "at", "be steps of at least 0 in rising order", at))
        object.__setattr__(self, "at", at)  # a list given by the user would not be frozen

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return float(self.factor ** bisect_right(self.at, t))
