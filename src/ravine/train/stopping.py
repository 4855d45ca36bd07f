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

    On few validation rows many epochs share one accuracy, and it stands still long before the
    network does. So a loss lower than all before renews patience too, and among epochs of the
    same best value the one with the lowest loss is the best.

    Source: Prechelt 1998, "Early Stopping - But When?".
    """

    higher_is_better: bool
    patience: int | None = None
    minimum: float = 0.0
    best: float | None = None
    best_loss: float | None = None  # at the best epoch
    lowest_loss: float = math.inf  # at any
    best_epoch: int = 0
    epochs_since: int = 0

    def look(self, value: float, epoch: int, loss: float | None = None) -> bool:
        """Take in the value after `epoch`, and the loss that decides a tie; True when it is the best so far.

        NaN is never best.
        """
        if not math.isnan(value) and (self.best is None or self._gain(value) > self.minimum):
            self.best, self.best_loss, self.best_epoch, self.epochs_since = value, loss, epoch, 0
            self.lowest_loss = min(self.lowest_loss, loss if loss is not None else math.inf)
            return True
        self.epochs_since += 1
        if loss is not None and loss < self.lowest_loss:
            self.lowest_loss, self.epochs_since = loss, 0
        if value == self.best and loss is not None and self.best_loss is not None and loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            return True
        return False

    @property
    def spent(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.epochs_since >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {
            "best": self.best,
            "best_loss": self.best_loss,
            "lowest_loss": self.lowest_loss if math.isfinite(self.lowest_loss) else None,
            "best_epoch": self.best_epoch,
            "epochs_since": self.epochs_since,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self.best, self.best_loss, self.best_epoch = state["best"], state["best_loss"], state["best_epoch"]
        self.epochs_since = state["epochs_since"]
        self.lowest_loss = math.inf if state["lowest_loss"] is None else state["lowest_loss"]

    def _gain(self, value: float) -> float:
        assert self.best is not None
        return value - self.best if self.higher_is_better else self.best - value
