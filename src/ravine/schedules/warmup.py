"""A careful beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.schedules.schedule import check_choice, check_factors, check_steps

SHAPES = ("linear", "constant", "exponential")


@dataclass(frozen=True, slots=True)
class Warmup:
    """From `start` to 1 in `steps` steps, then 1; put before another schedule with `join`.

        linear:       factor(t) = start + (1 − start)·t/steps      for t < steps
        constant:     factor(t) = start
        exponential:  factor(t) = start^(1 − t/steps)

    >>> rise = Warmup(steps=10, start=0.1)
    >>> rise(0), rise(5), rise(10)
    (0.1, 0.55, 1.0)

    Source: Goyal et al. 2017, section 2.2 (constant and gradual).
    """

    steps: float
    start: float = 0.01
    shape: str = "linear"
    source: ClassVar[Source] = Source(
        "Goyal et al.", 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arxiv="1706.02677"
    )

    def __post_init__(self) -> None:
        check_steps(self, steps=self.steps)
        check_factors(self, start=self.start)
        check_choice(self, "shape", self.shape, SHAPES)
        if self.shape == "exponential" and self.start == 0:
            raise BadValue(refusal("warmup", "start", "be above 0", self.start, "Nothing grows from 0 by factors."))

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        if t >= self.steps:
            return 1.0
        if self.shape == "constant":
            return self.start
        share = t / self.steps
        if self.shape == "exponential":
            return float(self.start ** (1 - share))
        return self.start + (1 - self.start) * share
