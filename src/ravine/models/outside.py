"""Networks that other people wrote: `file.py:function` and `timm:NAME`."""

from __future__ import annotations

import importlib.util
from typing import Any

from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, missing_package, refusal
from ravine.core.shapes import InputShape
from ravine.core.user_code import call_user

TIMM = "timm:"


def is_outside(name: str) -> bool:
    """Whether `name` points outside Ravine.

    >>> is_outside("net.py:make"), is_outside("timm:resnet18"), is_outside("mlp")
    (True, True, False)
    """
    return name.startswith(TIMM) or ":" in name or name.endswith(".py")


def build_outside(name: str, shape: InputShape, outputs: int) -> tuple[nn.Module, str]:
    """The network, and what is known of its first weights."""
    if name.startswith(TIMM):
        return _from_timm(name.removeprefix(TIMM), shape, outputs), "as timm sets it"
    return _module(call_user(name, shape, outputs), name), "as the function sets it"


def _from_timm(model: str, shape: InputShape, outputs: int) -> nn.Module:
    """A network of the package timm, without pretrained weights, for pictures of this shape."""
    if shape.form != "image":
        raise BadValue(refusal(f"{TIMM}{model}", "the data", "be made of images", f"a {shape.form}"))
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise missing_package(f"--model {TIMM}{model}", "timm", "timm") from error
    known = timm.list_models()
    if model not in known:
        hint = did_you_mean(model, known)
        raise BadValue(f"{TIMM}{model}: timm {timm.__version__} has no such model.{hint} See timm.list_models().")
    sides: dict[str, Any] = {"img_size": (shape.height, shape.width)}
    try:
        return _module(timm.create_model(model, num_classes=outputs, in_chans=shape.channels, **sides), model)
    except TypeError:  # convolutional networks take any size and no such argument
        return _module(timm.create_model(model, num_classes=outputs, in_chans=shape.channels), model)


def _module(made: Any, name: str) -> nn.Module:
    if not isinstance(made, nn.Module):
        raise BadValue(refusal(f"--model {name}", "what it returns", "be a torch.nn.Module", type(made).__name__))
    return made
