"""From "auto" to a value: the recipe with every open choice filled in from the advice for this data."""

from __future__ import annotations

from typing import Any

from ravine.models.advice import Advice
from ravine.train.recipe import Recipe


def resolved(recipe: Recipe, advice: Advice, model_name: str, *, validated: bool = True) -> Recipe:
    """`recipe` with every "auto" of the training replaced by what is advised; what was chosen stays.

    Without validation rows nothing tells a gain, and patience is none unless it was asked for.
    """
    chosen: dict[str, Any] = {
        name: getattr(advice, name)
        for name in (
            "lr",
            "weight_decay",
            "epochs",
            "batch_size",
            "label_smoothing",
            "mixup",
            "average",
            "patience",
        )
        if getattr(recipe.train, name) == "auto"
    }
    if "patience" in chosen and not validated:
        chosen["patience"] = "none"
    model: dict[str, Any] = {"name": model_name}
    if recipe.model.dropout == "auto" and advice.dropout is not None:
        model["dropout"] = advice.dropout
    return Recipe.of(
        {
            **recipe.model_dump(),
            "train": {**recipe.train.model_dump(), **chosen},
            "model": {**recipe.model.model_dump(), **model},
        }
    )


def training_choices(recipe: Recipe) -> dict[str, Any]:
    """What the trainer takes of the recipe: all but what was turned into data, loss and transform."""
    of_fit = {"label_smoothing", "augment", "mixup", "repair", "warm_start", "rewarm"}
    return {
        **recipe.train.model_dump(exclude=of_fit),
        **recipe.machine.model_dump(),
        "checkpoint_seconds": recipe.keep.checkpoint_seconds,
    }
