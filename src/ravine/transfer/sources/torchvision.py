"""Pretrained networks of the package torchvision."""

from __future__ import annotations

import importlib
from typing import Any

from ravine.core.errors import missing_package
from ravine.core.shapes import InputShape
from ravine.models.build import Built
from ravine.transfer.head import replace_head
from ravine.transfer.sources.fetching import IMAGENET_MEAN, IMAGENET_STD, fetched, for_pictures
from ravine.transfer.sources.opened import Opened

TORCHVISION = "torchvision:"


def from_torchvision(name: str, shape: InputShape, outputs: int) -> Opened:
    """The network called `name` with its default weights, for pictures in colour."""
    owner = f"--from {TORCHVISION}{name}"
    for_pictures(owner, shape, channels=3)
    try:
        models: Any = importlib.import_module("torchvision.models")
    except ImportError as error:
        raise missing_package(owner, "torchvision", "torchvision") from error
    made = fetched(owner, lambda: models.get_model(name, weights="DEFAULT"))
    replace_head(made, outputs, owner)
    return Opened(
        built=Built(made.train(), f"{TORCHVISION}{name}", None, f"{owner}, pretrained", "pretrained; a new head"),
        words=f"torchvision's {name}",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
