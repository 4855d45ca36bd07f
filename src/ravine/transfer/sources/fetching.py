"""What the packages of pretrained networks have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ravine.core.errors import BadRun, BadValue, refusal
from ravine.core.shapes import InputShape

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""Of each channel, on the scale 0 … 255."""


def for_pictures(owner: str, shape: InputShape, channels: int | None = None) -> None:
    """Refuse rows that are no pictures, or have another number of channels."""
    if shape.form != "image":
        raise BadValue(refusal(owner, "the data", "be made of images", f"a {shape.form}"))
    if channels is not None and shape.channels != channels:
        raise BadValue(refusal(owner, "the pictures", f"have {channels} channels", shape.channels))


def fetched(owner: str, make: Callable[[], Any]) -> nn.Module:
    """What `make` gives.

    Raises:
        BadRun: Its weights cannot be had: no such name, no connection, a damaged file.
    """
    try:
        made = make()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().partition("\n")[0]
        raise BadRun(f"{owner}: cannot be had ({type(error).__name__}: {first}).") from error
    assert isinstance(made, nn.Module)
    return made
