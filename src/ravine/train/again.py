"""Another trainer like one there is."""

from __future__ import annotations

from typing import Any

from torch import nn

from ravine.train.start import Start
from ravine.train.trainer import Trainer


def again(trainer: Trainer, model: nn.Module, start: Start, **more: Any) -> Trainer:
    """A trainer like `trainer`, without its listeners, for `model` and from `start`.

    Args:
        trainer: Whose loss, metrics, techniques and choices it has.
        model: The same network, or another for the same rows.
        start: Where it begins.
        more: Arguments and choices that differ; without `run_dir` nothing is written.
    """
    alike: dict[str, Any] = {
        "metrics": trainer.metrics,
        "watch": trainer.watch,
        "higher_is_better": trainer.higher_is_better,
        "validation_loss": trainer.validation_loss,
        "transform": trainer.own_transform,
        "weigh": trainer.weigh,
        "after_epochs": trainer.after_epochs,
        "regularize": trainer.chosen,
        "seed": trainer.seed,
        "machine": trainer.machine,
        **trainer.asked,
    }
    return Trainer(model, trainer.loss, start=start, **{**alike, **more})
