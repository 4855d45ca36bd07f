"""Early stopping: when the watched number has not bettered for a while, training more only overfits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class BestKeeper:
    """Remembers the best value of a metric and counts epochs without gain.

    Args:
        higher_is_better: Direction of the metric.
        patience: Epochs without gain before `spent`; None never stops.
        minimum: A gain must exceed this to count.

    Source: Prechelt 1998, "Early Stopping - But When?".
    """

    higher_is_better: bool
    patience: int | None = None
    minimum: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    epochs_since: int = 0

    def look(self, value: float, epoch: int) -> bool:
        """Take in the value after `epoch`; True when it is the best so far. NaN is never best."""
        if not math.isnan(value) and (self.best is None or self._gain(value) > self.minimum):
            self.best, self.best_epoch, self.epochs_since = value, epoch, 0
            return True
        self.epochs_since += 1
        return False

    @property
    def spent(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.epochs_since >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {"best": self.best, "best_epoch": self.best_epoch, "epochs_since": self.epochs_since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.epochs_since = state["epochs_since"]

    def _gain(self, value: float) -> float:
        assert self.best is not None
        return value - self.best if self.higher_is_better else self.best - value
