"""No schedule: one rate throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ravine.core.sources import Source
from ravine.schedules.schedule import check_factors


@dataclass(frozen=True, slots=True)
class Constant:
    """One factor for all time.

        factor(t) = factor

    >>> Constant()(1000)
    1.0

    Source: Robbins & Monro 1951, for what a constant rate cannot do: converge under noise.
    """

    factor: float = 1.0
    source: ClassVar[Source] = Source(
        "Robbins & Monro", 1951, "A Stochastic Approximation Method", "Ann. Math. Statist. 22"
    )

    def __post_init__(self) -> None:
        check_factors(self, factor=self.factor)

    def __call__(self, t: float) -> float:  # noqa: ARG002 (one signature for all schedules)
        """The factor at any step."""
        return self.factor
