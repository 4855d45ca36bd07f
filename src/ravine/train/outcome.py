"""How a training ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from ravine.records.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a training leaves in memory; the network itself holds the best weights.

    Attributes:
        history: Its curves.
        epochs: Epochs begun.
        steps: Optimizer steps taken.
        best_epoch: Epoch (from 1) whose weights were kept; 0 when nothing was ever the best.
        best: Value of the watched metric there.
        watched: Name of that metric: "val_accuracy", "train_loss", …
        kept: Which weights these are where there was a choice: "average" or "raw".
        noise_scale: Gradient noise scale in rows, where it could be estimated.
        stopped_by: Why it ended, for people.
        interrupted: Ended by Ctrl-C or SIGTERM: it can be resumed.
        broke_at: Step at which the loss stopped being a number, if it did.
        seconds: Training time, earlier parts of a resumed run included.
        samples_per_second: Mean over the time spent in steps.
    """

    history: History = field(repr=False)
    epochs: int
    steps: int
    best_epoch: int
    best: float | None
    watched: str
    kept: str = ""
    noise_scale: float | None = None
    stopped_by: str
    interrupted: bool = False
    broke_at: int | None = None
    seconds: float
    samples_per_second: float
