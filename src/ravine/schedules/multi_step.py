"""A staircase with steps at chosen times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, MOMENT, Schedule


@dataclass(frozen=True, slots=True)
class MultiStep(Schedule):
    """Times `factor` at each time in `at`.

        factor(t) = factor^|{a ∈ at : a ≤ t}|

    >>> stairs = MultiStep(at=(10, 30), factor=0.5)
    >>> [stairs(t) for t in (9, 10, 29, 30)]
    [1.0, 0.5, 0.5, 0.25]

    Args:
        at: Times in rising order: steps, or lengths such as "30 epochs" and "50%".
        factor: Of each step.

    Source: He et al. 2016, section 4.2: divided by 10 at 32,000 and 48,000 of 64,000 steps.
    """

    at: Sequence[Time] | Time
    factor: float = 0.1
    source: ClassVar[Source] = Source(
        "He et al.", 2016, "Deep Residual Learning for Image Recognition", arxiv="1512.03385"
    )
    formula: ClassVar = "factor(t) = factor^(how many of `at` lie behind)"
    example: ClassVar = "multi-step(at=[50%, 75%])"
    lengths: ClassVar = {"at": MOMENT}
    listed: ClassVar = "at"
    bounds: ClassVar = {"factor": FACTOR}

    def _check(self) -> None:
        if not isinstance(self.at, tuple):
            object.__setattr__(self, "at", (self.at,))  # one time is a list of one
        if self.ready and list(self._moments()) != sorted(self._moments()):
            raise BadValue(refusal("multi-step", "at", "be in rising order", self.at))

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        if not self.ready:
            self._steps("at")
        return float(self.factor ** bisect_right(self._moments(), t))

    def _moments(self) -> Sequence[float]:
        return self.at  # type: ignore[return-value]  # whoever asks has seen that they are numbers
