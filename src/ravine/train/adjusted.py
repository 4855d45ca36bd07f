"""What differs from the recipe from some step of a training on: the settings that a repair has adopted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Settings on top of the recipe's; as it is made, none.

    >>> Adjusted(warm_from=100, warm_steps=4).warmth(101)
    0.5

    Attributes:
        rate: Factor of every learning rate.
        clip_norm: Largest norm of the gradient; None leaves it to the recipe.
        warm_from: Step from which the rate rises anew.
        warm_steps: Steps that it rises for; 0: it does not.
        precision: "float32" in place of what the plan says; None leaves it.
        whole_rows: Rows that hold NaN or an infinity are left out.
    """

    rate: float = 1.0
    clip_norm: float | None = None
    warm_from: int = 0
    warm_steps: int = 0
    precision: str | None = None
    whole_rows: bool = False

    def warmth(self, step: float) -> float:
        """Factor of the rate at `step` (from 0) while it rises anew; 1 before and after."""
        if step < self.warm_from:
            return 1.0
        return min((step - self.warm_from + 1) / self.warm_steps, 1.0) if self.warm_steps else 1.0

    def to_json(self) -> dict[str, Any]:
        """These settings in JSON's own types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Adjusted:
        """The settings that `to_json` wrote."""
        return cls(**value)


UNCHANGED = Adjusted()
