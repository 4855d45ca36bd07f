"""A run that begins with the weights of another."""

from __future__ import annotations

from torch import nn

from ravine.core.errors import BadValue
from ravine.records.folder import RunFolder
from ravine.train.recipe import Recipe
from ravine.train.warm_start import schedule_behind, warm_start


def warmed(recipe: Recipe, network: nn.Module, folder: RunFolder, *, resumes: bool) -> tuple[str, float]:
    """Fill `network` with the weights that the recipe names.

    A run that is resumed has snapshots of its own: what it began with need not be there any more.

    Returns: What was done, with "; " behind it, empty when nothing was; and the epochs that the schedule
        has behind it.

    Raises:
        BadRun: The weights cannot be read, or none of them fits.
        BadValue: The schedule is to go on, and nothing says from where; or members of an ensemble were
            to begin with the same weights.
    """
    source = recipe.train.warm_start
    if source is None or (resumes and any(folder.checkpoints.glob("step-*.safetensors"))):
        return "", 0.0
    if recipe.ensemble.asked is not None:
        raise BadValue("train.warm_start: members of an ensemble begin apart. Leave one of the two out.")
    found = warm_start(network, source)
    behind = schedule_behind(found, rewarm=recipe.train.rewarm)
    told = f", the schedule goes on after {behind:g} epochs" if behind else ""
    return f"warm start: {found.words}{told}; ", behind
