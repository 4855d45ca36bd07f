"""Up and down again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.core.time import Time
from ravine.schedules.schedule import FACTOR, STEPS, Momenta, Schedule, check_momenta


@dataclass(frozen=True, slots=True)
class Cyclic(Schedule):
    """Straight from `low` to 1 in `half_cycle` steps, and back in as many; momentum the other way.

        x = |t/half_cycle − 2c + 1|,  c = ⌊1 + t/(2·half_cycle)⌋
        rise(t) = max(0, 1 − x)·height
        factor(t) = low + (1 − low)·rise(t)
        momentum(t) = high − (high − low)·rise(t), of the pair `momentum`
        height: 1 (triangular), 2^(1 − c) (triangular2), decay^t (exp_range)

    >>> [Cyclic(half_cycle=10, low=0.2)(t) for t in (0, 10, 20, 30)]
    [0.2, 1.0, 0.2, 1.0]
    >>> Cyclic(10, momentum=(0.8, 0.9)).momentum_at(10)
    0.8

    Args:
        half_cycle: Length of each way.
        low: Factor at the bottom.
        shape: How the tops fall from cycle to cycle: not at all, to half, or by `decay` each step.
        decay: For exp_range.
        momentum: The lowest, at the top of the rate, and the highest, or None to leave it alone.

    Source: Smith 2017; the momentum: Smith 2018, "A disciplined approach to neural network hyper-parameters".
    """

    half_cycle: Time
    low: float = 0.1
    shape: str = "triangular"
    decay: float = 0.9999
    momentum: Momenta | None = None
    source: ClassVar[Source] = Source(
        "Smith", 2017, "Cyclical Learning Rates for Training Neural Networks", arxiv="1506.01186"
    )
    formula: ClassVar = "factor(t) = low + (1 − low)·max(0, 1 − |t/half_cycle − 2c + 1|)·height, c the cycle"
    example: ClassVar = "cyclic(half_cycle=10%, shape=triangular2)"
    lengths: ClassVar = {"half_cycle": STEPS}
    bounds: ClassVar = {"low": FACTOR, "decay": Interval(0.0, 1.0, left_open=True)}
    options: ClassVar = {"shape": ("triangular", "triangular2", "exp_range")}

    def _check(self) -> None:
        object.__setattr__(self, "momentum", check_momenta(self, self.momentum))

    @property
    def rises(self) -> bool:
        """It begins at `low`."""
        return True

    @property
    def cycles_momentum(self) -> bool:
        """Whether a pair was given."""
        return self.momentum is not None

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        return self.low + (1 - self.low) * self._rise(t)

    def momentum_at(self, t: float) -> float | None:
        """The momentum at step t."""
        if self.momentum is None:
            return None
        low, high = self.momentum
        return high - (high - low) * self._rise(t)

    def _rise(self, t: float) -> float:
        half = self._steps("half_cycle")
        cycle = int(1 + t / (2 * half))
        return max(0.0, 1.0 - abs(t / half - 2 * cycle + 1)) * self._height(t, cycle)

    def _height(self, t: float, cycle: int) -> float:
        if self.shape == "triangular2":
            return 0.5 ** (cycle - 1)
        if self.shape == "exp_range":
            return float(self.decay**t)
        return 1.0
