"""When a member is at its best, and when it need not go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Keeper(Protocol):
    """Judges the epochs of one member."""

    best: float | None
    best_epoch: int

    def look(self, row: Mapping[str, float], epoch: int) -> bool:
        """Take in the numbers of an epoch (from 1), such as "train_loss" and "val_loss"; True when it is the best."""
        ...

    @property
    def spent(self) -> bool:
        """Whether patience has run out."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs, in JSON's own types."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        ...


@dataclass(slots=True)
class LowestLoss:
    """Keeps the epoch with the lowest validation loss, or training loss where nothing is validated.

    Args:
        patience: Epochs without a lower one before `spent`; None never stops.
    """

    patience: int | None = None
    best: float | None = None
    best_epoch: int = 0
    epochs_since: int = 0

    def look(self, row: Mapping[str, float], epoch: int) -> bool:
        """See `Keeper`."""
        loss = row.get("val_loss", row["train_loss"])
        lower = not math.isnan(loss) and (self.best is None or loss < self.best)
        self.epochs_since = 0 if lower else self.epochs_since + 1
        if lower:
            self.best, self.best_epoch = loss, epoch
        return lower

    @property
    def spent(self) -> bool:
        """See `Keeper`."""
        return self.patience is not None and self.epochs_since >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """See `Keeper`."""
        return {"best": self.best, "best_epoch": self.best_epoch, "epochs_since": self.epochs_since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Keeper`."""
        self.best, self.best_epoch, self.epochs_since = state["best"], state["best_epoch"], state["epochs_since"]
