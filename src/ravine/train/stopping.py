"""Early stopping: when the watched number has not bettered for a while, training more only overfits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class BestKeeper:
    """Remembers the best epoch by a metric, and counts epochs without gain.

    On few validation rows a metric such as accuracy is noisy, and it stands still long before the
    network does. So the best epoch is not simply the one with the highest value, which may have
    been lucky: among those that lie within `noise` of it, the one with the lowest loss is kept, as
    in the one-standard-error rule. And a loss lower than all before renews patience too.

    Args:
        higher_is_better: Direction of the metric.
        patience: Epochs without gain before `spent`; None never stops.
        min_delta: Smallest change that renews patience; what is kept does not ask for it. One in the
            metric's own unit cannot be asked of the loss, which then renews nothing.
        relative: `min_delta` is a share of the value to better, of the loss too.

    Attributes:
        best: The metric of the epoch that is kept.
        best_epoch: That epoch, from 1.
        best_loss: Its loss, where one was given.
        best_of: Which weights it had: "average", "raw", or "" where there was no choice.
        epochs_since: Epochs since anything was gained.

    Source: Prechelt 1998, "Early Stopping - But When?"; Breiman et al. 1984, "Classification and
        Regression Trees", section 3.4.3, for the standard error.
    """

    higher_is_better: bool
    patience: int | None = None
    min_delta: float = 0.0
    relative: bool = False
    best: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    best_of: str = ""
    epochs_since: int = 0
    top: float | None = None  # the best value of all, lucky or not
    lowest_loss: float = math.inf  # of all that renewed patience
    renewed: float | None = None  # the value that last renewed patience

    def look(self, value: float, epoch: int, loss: float | None = None, noise: float = 0.0) -> bool:
        """Take in an epoch; True when it is the one to keep. NaN never is.

        Args:
            value: The metric after this epoch.
            epoch: Its number.
            loss: What decides between values that noise may have parted; None: the value alone.
            noise: Standard error of the value.
        """
        gained = not math.isnan(value) and (self.top is None or self._better(value, self.top))
        if gained:
            self.top = value
        self.epochs_since = 0 if self._renews(value, loss) else self.epochs_since + 1
        if not self._is_kept(value, loss, noise, gained=gained):
            return False
        self.best, self.best_loss, self.best_epoch = value, loss, epoch
        return True

    @property
    def spent(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.epochs_since >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {
            "best": self.best,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "best_of": self.best_of,
            "epochs_since": self.epochs_since,
            "top": self.top,
            "lowest_loss": self.lowest_loss if math.isfinite(self.lowest_loss) else None,
            "renewed": self.renewed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self.best, self.best_loss, self.best_epoch = state["best"], state["best_loss"], state["best_epoch"]
        self.epochs_since, self.top, self.renewed = state["epochs_since"], state["top"], state["renewed"]
        self.best_of = state["best_of"]
        self.lowest_loss = math.inf if state["lowest_loss"] is None else state["lowest_loss"]

    def _renews(self, value: float, loss: float | None) -> bool:
        least = self._least(self.renewed)
        better = not math.isnan(value) and (self.renewed is None or self._better(value, self.renewed, by=least))
        if better:
            self.renewed = value
        comparable = self.min_delta == 0 or self.relative
        lower = comparable and loss is not None and loss < self.lowest_loss - self._least(self.lowest_loss)
        if lower and loss is not None:
            self.lowest_loss = loss
        return better or lower

    def _least(self, reference: float | None) -> float:
        if not self.relative:
            return self.min_delta
        known = reference is not None and math.isfinite(reference)
        return self.min_delta * abs(reference) if known and reference is not None else 0.0

    def _is_kept(self, value: float, loss: float | None, noise: float, *, gained: bool) -> bool:
        if self.best is None or loss is None or self.best_loss is None:
            return gained
        assert self.top is not None
        if self._better(self.top, self.best, by=noise):
            return gained  # what was kept has fallen behind by more than noise
        near = not math.isnan(value) and not self._better(self.top, value, by=noise)
        return near and loss < self.best_loss

    def _better(self, value: float, other: float, by: float = 0.0) -> bool:
        return value > other + by if self.higher_is_better else value < other - by


def standard_error(metric: str, value: float, rows: int) -> float:
    """How far a metric over so many rows may be off by chance; 0 where no formula is at hand.

    >>> round(standard_error("val_accuracy", 0.9, 900), 6), standard_error("val_f1", 0.9, 900)
    (0.01, 0.0)
    """
    share = metric.endswith("accuracy") and not metric.endswith("balanced_accuracy")
    return math.sqrt(value * (1 - value) / rows) if share and 0 <= value <= 1 else 0.0
