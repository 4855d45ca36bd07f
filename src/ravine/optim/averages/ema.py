"""Exponential moving average of the weights: smoother than the last step, for free at test time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE, Interval
from ravine.core.sources import Source
from ravine.optim.averages.average import Average


@dataclass(frozen=True, slots=True)
class EMA(Average):
    """a ← d·a + (1 − d)·w after each step, with d = min(decay, (1 + t)/(10 + t)).

    The rise of d keeps the first, random weights from lingering. Running statistics of batch norm are
    averaged as the weights are, so that the average has statistics of its own.

    Args:
        decay: d in the long run; the average then spans about 1/(1 − d) steps.
        warmup: Let d rise; without it d is `decay` from the first step on.

    Source: Polyak & Juditsky 1992; the rise of d as in TensorFlow's ExponentialMovingAverage.

    >>> EMA(0.9).weight(1), EMA(0.9, warmup=False).weight(1)
    (0.8181818181818181, 0.09999999999999998)
    """

    decay: float = 0.995
    warmup: bool = True

    source: ClassVar[Source] = Source(
        "Polyak & Juditsky",
        1992,
        "Acceleration of Stochastic Approximation by Averaging",
        where="SIAM J. Control Optim.",
    )
    bounds: ClassVar[dict[str, Interval]] = {"decay": BELOW_ONE}
    recomputes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        Average.__post_init__(self)
        if not isinstance(self.warmup, bool):
            raise BadValue(refusal("ema", "warmup", "be true or false", self.warmup))

    @property
    def told(self) -> str:
        """What it does, for people."""
        return f"moving average of the weights, decay {self.decay:g}"

    def due(self, step: int) -> bool:  # noqa: ARG002 (one signature for all averages)
        """After every step."""
        return True

    def weight(self, taken: int) -> float:
        """1 − d."""
        rising = (1 + taken) / (10 + taken) if self.warmup else 1.0
        return 1.0 - min(self.decay, rising)
