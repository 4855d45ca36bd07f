"""A careful beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Schedule, check_number


@dataclass(frozen=True, slots=True)
class Warmup(Schedule):
    """From `start` to `end` in `steps` steps, then `end`; put before another: `Warmup("5%") >> Cosine()`.

        linear:       factor(t) = start + (end − start)·t/steps      for t < steps
        constant:     factor(t) = start
        exponential:  factor(t) = start^(1 − t/steps)·end^(t/steps)

    >>> rise = Warmup(steps=10, start=0.1)
    >>> rise(0), rise(5), rise(10)
    (0.1, 0.55, 1.0)

    Args:
        steps: Length.
        start: Factor at the beginning.
        shape: Of the rise.
        end: Factor at the end; None: where the schedule after it begins, 1 when it stands alone.

    Source: Goyal et al. 2017, section 2.2 (constant and gradual).
    """

    steps: Time = "5%"
    start: float = 0.01
    shape: str = "linear"
    end: float | None = None
    source: ClassVar[Source] = Source(
        "Goyal et al.", 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arxiv="1706.02677"
    )
    formula: ClassVar = "factor(t) = start + (end − start)·t/steps"
    example: ClassVar = "warmup(10%)"
    lengths: ClassVar = {"steps": STEPS}
    span: ClassVar = "steps"
    bounds: ClassVar = {"start": FACTOR}
    options: ClassVar = {"shape": ("linear", "constant", "exponential")}

    def _check(self) -> None:
        if self.end is not None:
            check_number(self, "end", self.end, FACTOR)
        if self.shape == "exponential" and 0 in (self.start, self.end):
            name = "start" if self.start == 0 else "end"
            raise BadValue(refusal("warmup", name, "be above 0", 0, "Nothing grows from 0 by factors."))

    @property
    def rises(self) -> bool:
        """It is what others need before them."""
        return True

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        steps, end = self._steps("steps"), 1.0 if self.end is None else self.end
        if t >= steps:
            return end
        if self.shape == "constant":
            return self.start
        share = t / steps
        if self.shape == "exponential":
            return float(self.start ** (1 - share) * end**share)
        return self.start + (end - self.start) * share
