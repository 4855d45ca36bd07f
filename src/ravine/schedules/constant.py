"""No schedule: one rate throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.schedules.schedule import FACTOR, Schedule


@dataclass(frozen=True, slots=True)
class Constant(Schedule):
    """One factor for all time.

        factor(t) = factor

    >>> Constant()(1000)
    1.0

    Args:
        factor: Of the base rate.

    Source: Robbins & Monro 1951, for what a constant rate cannot do: converge under noise.
    """

    factor: float = 1.0
    source: ClassVar[Source] = Source(
        "Robbins & Monro", 1951, "A Stochastic Approximation Method", "Ann. Math. Statist. 22"
    )
    formula: ClassVar = "factor(t) = factor"
    example: ClassVar = "constant"
    bounds: ClassVar = {"factor": FACTOR}

    def __call__(self, t: float) -> float:  # noqa: ARG002 (one signature for all schedules)
        """The factor at any step."""
        return self.factor
