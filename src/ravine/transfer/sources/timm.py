"""Pretrained networks of the package timm."""

from __future__ import annotations

import importlib
from typing import Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, missing_package
from ravine.core.shapes import InputShape
from ravine.models.build import Built
from ravine.transfer.head import fit_head
from ravine.transfer.sources.fetching import fetched, for_pictures
from ravine.transfer.sources.opened import Opened


def from_timm(name: str, shape: InputShape, outputs: int) -> Opened:
    """The network called `name`, its weights from timm's own store, with timm's head of `outputs`."""
    owner = f"--from timm:{name}"
    for_pictures(owner, shape)
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise missing_package(owner, "timm", "timm") from error
    known = timm.list_models(pretrained=True)
    if name not in known and name.partition(".")[0] not in {one.partition(".")[0] for one in known}:
        raise BadValue(f"{owner}: timm has no pretrained model of this name.{did_you_mean(name, known)}")
    made = fetched(
        owner, lambda: timm.create_model(name, pretrained=True, num_classes=outputs, in_chans=shape.channels)
    )
    fit_head(made, outputs, owner)
    about = getattr(made, "pretrained_cfg", None) or {}
    known_statistics = len(about.get("mean", ())) == shape.channels
    return Opened(
        built=Built(made.train(), f"timm:{name}", None, f"timm's {name}, pretrained", "pretrained; a new head"),
        words=f"timm's {name}",
        mean=tuple(255 * value for value in about["mean"]) if known_statistics else None,
        std=tuple(255 * value for value in about["std"]) if known_statistics else None,
    )
