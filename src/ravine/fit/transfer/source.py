"""Where the pretrained network of a recipe comes from: a run of Ravine's own, or any other source."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadRun, BadValue
from ravine.core.files import read_json
from ravine.core.shapes import InputShape
from ravine.core.user_code import is_spec
from ravine.data.prepare import ImagePreparation, Preparation
from ravine.fit.model_folder import MODEL
from ravine.models import FAMILIES
from ravine.records.folder import RunFolder
from ravine.train.recipe import ModelChoices, Recipe, merged
from ravine.transfer.sources import Opened, is_weights, open_pretrained
from ravine.transfer.sources.local import from_file


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What a recipe begins with.

    Attributes:
        recipe: The recipe, with the network of the source in [model].
        folder: The run it comes from; None for other sources.
        preparation: Of that run.
    """

    recipe: Recipe
    folder: RunFolder | None = None
    preparation: Preparation | None = None

    def opened(self, recipe: Recipe, shape: InputShape, outputs: int, *, rows: int) -> Opened:
        """The network, with a head of `outputs`; see `open_pretrained`."""
        model = recipe.model
        size: dict[str, Any] = {
            "rows": rows,
            "seed": recipe.seed,
            **model.model_dump(include={"width", "depth", "dropout", "activation", "norm"}),
        }
        if self.folder is not None:
            return from_file(self.folder.path, shape, outputs, family=model.name, **size)
        return open_pretrained(recipe.transfer.source, shape, outputs, family=model.name, **size)

    def prepared(self, own: Preparation, opened: Opened) -> Preparation:
        """`own`, with the statistics with which the source was trained, where they are known and fit."""
        there = self.preparation
        if isinstance(own, ImagePreparation):
            if isinstance(there, ImagePreparation) and there.channels == own.channels:
                return dataclasses.replace(own, mean=there.mean, std=there.std)
            if opened.mean is not None and opened.std is not None and len(opened.mean) == own.channels:
                return dataclasses.replace(own, mean=opened.mean, std=opened.std)
            return own
        if there is not None and there.shape == own.shape and there.feature_names == own.feature_names:
            return there
        return own


def source_of(recipe: Recipe) -> Source:
    """The source of `recipe`; a run brings its own network with it.

    Raises:
        BadRun: A run without a model, or whose network no name builds again.
        BadValue: A network is named beside a run.
    """
    source = recipe.transfer.source
    if ":" in source or is_spec(source) or is_weights(source):
        if is_weights(source) and not Path(source).is_file():
            beside = [other.name for other in Path(source).parent.glob("*")] if Path(source).parent.is_dir() else []
            raise BadValue(f"transfer: no file {source!r}.{did_you_mean(Path(source).name, beside)}")
        return Source(recipe)
    folder = RunFolder.open(source)
    if not (folder.model / MODEL).is_file():
        raise BadRun(f"{folder.path}: keeps no finished model to begin with.")
    described = read_json(folder.model / MODEL)
    built = dict(described.get("built", {}))
    name = built.get("name", "")
    if name not in FAMILIES and not is_spec(name) and not name.startswith("timm:"):
        raise BadRun(f"{folder.path}: its network, {name}, was an object of a program, and no name builds it again.")
    taken = {key: value for key, value in built.items() if key in ModelChoices.model_fields}
    taken["initialization"] = "auto"
    whole = Recipe.of(merged(recipe.model_dump(), {"model": taken}), owner=str(folder.path))
    return Source(whole, folder, Preparation.from_json(described["preparation"]))
