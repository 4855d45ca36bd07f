"""Other reasons to end a training than patience: the target is reached, it diverges, a further gain is improbable."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ravine.train.gains import chance_of_gain

IMPROBABLE = 0.05
"""Chance of a further gain below which it is improbable; Domhan et al. 2015 stop there too."""

IN_A_ROW = 3
"""Epochs that must find it improbable: looked at after every epoch, one of them errs too often."""


@dataclass(slots=True, kw_only=True)
class Stops:
    """Looks at each epoch once, after what was best has been kept, and says why to stop.

    Args:
        target: Value of the watched metric that is enough; None never is.
        diverged: How many times the first epoch's training loss is too much: it stops where the loss
            lies more than diverged − 1 times the size of the first above it; None never stops.
        improbable: Stop when a further gain within the run is improbable.
        min_delta: The smallest gain that is worth while; a share of the last value when `relative`.
        relative: See `min_delta`.
        higher_is_better: Direction of the watched metric.
    """

    target: float | None = None
    diverged: float | None = None
    improbable: bool = False
    min_delta: float = 0.0
    relative: bool = False
    higher_is_better: bool = False
    values: list[float] = field(default_factory=list)  # of the watched metric, lower is better
    losses: list[float] = field(default_factory=list)  # of the validation set, where the metric is another
    first_loss: float | None = None
    in_a_row: int = 0

    def look(self, name: str, value: float, *, train_loss: float, val_loss: float | None, epochs_left: int) -> str:
        """Why to stop after this epoch, for people; "" to go on.

        Args:
            name: Of the watched metric.
            value: Of it.
            train_loss: Mean over the epoch.
            val_loss: Where there is one and it is not the watched metric.
            epochs_left: Of the whole schedule.
        """
        if self.first_loss is None:
            self.first_loss = train_loss
        self.values.append(-value if self.higher_is_better else value)
        if val_loss is not None:
            self.losses.append(val_loss)
        return self._reached(name, value) or self._has_diverged(train_loss) or self._gains_no_more(name, epochs_left)

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        names = ("values", "losses", "first_loss", "in_a_row")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self.values, self.losses = list(state["values"]), list(state["losses"])
        self.first_loss, self.in_a_row = state["first_loss"], state["in_a_row"]

    def _reached(self, name: str, value: float) -> str:
        if self.target is None:
            return ""
        reached = value >= self.target if self.higher_is_better else value <= self.target
        return f"the target: {name} {value:.4g} reached {self.target:g}" if reached else ""

    def _has_diverged(self, loss: float) -> str:
        if self.diverged is None or self.first_loss is None:
            return ""
        most = self.first_loss + (self.diverged - 1) * abs(self.first_loss)
        if not loss > most:
            return ""
        return (
            f"divergence: the training loss {loss:.4g} is above {most:.4g}, {self.diverged:g} times the first epoch's"
        )

    def _gains_no_more(self, name: str, epochs_left: int) -> str:
        if not self.improbable or epochs_left < 1:
            return ""
        curves = [curve for curve in (self.values, self.losses) if curve]
        chance = max(chance_of_gain(curve, epochs_left, self._least(curve)) for curve in curves)
        self.in_a_row = self.in_a_row + 1 if chance < IMPROBABLE else 0
        if self.in_a_row < IN_A_ROW:
            return ""
        return f"a further gain is improbable: {chance:.1%} that {name} betters in the {epochs_left} epochs left"

    def _least(self, curve: list[float]) -> float:
        if self.relative:
            last = next((value for value in reversed(curve) if math.isfinite(value)), 0.0)
            return self.min_delta * abs(last)
        return self.min_delta if curve is self.values else 0.0
