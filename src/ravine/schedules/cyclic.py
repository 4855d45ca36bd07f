"""Up and down again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.schedules.schedule import check_choice, check_factors, check_steps

SHAPES = ("triangular", "triangular2", "exp_range")


@dataclass(frozen=True, slots=True)
class Cyclic:
    """Straight from `low` to 1 in `half_cycle` steps, and back in as many.

        x = |t/half_cycle − 2c + 1|,  c = ⌊1 + t/(2·half_cycle)⌋
        factor(t) = low + (1 − low)·max(0, 1 − x)·height
        height: 1 (triangular), 2^(1 − c) (triangular2), decay^t (exp_range)

    >>> [Cyclic(half_cycle=10, low=0.2)(t) for t in (0, 10, 20, 30)]
    [0.2, 1.0, 0.2, 1.0]

    Source: Smith 2017.
    """

    half_cycle: float
    low: float = 0.1
    shape: str = "triangular"
    decay: float = 0.9999
    source: ClassVar[Source] = Source(
        "Smith", 2017, "Cyclical Learning Rates for Training Neural Networks", arxiv="1506.01186"
    )

    def __post_init__(self) -> None:
        check_steps(self, half_cycle=self.half_cycle)
        check_factors(self, low=self.low)
        check_choice(self, "shape", self.shape, SHAPES)
        Interval(0.0, 1.0, left_open=True).check("cyclic", "decay", self.decay)

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        cycle = int(1 + t / (2 * self.half_cycle))
        rise = max(0.0, 1.0 - abs(t / self.half_cycle - 2 * cycle + 1))
        return self.low + (1 - self.low) * rise * self._height(t, cycle)

    def _height(self, t: float, cycle: int) -> float:
        if self.shape == "triangular2":
            return 0.5 ** (cycle - 1)
        if self.shape == "exp_range":
            return float(self.decay**t)
        return 1.0
