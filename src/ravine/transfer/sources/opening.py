"""One text opens any source of pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ravine.core.errors import BadValue, refusal
from ravine.core.shapes import InputShape
from ravine.core.user_code import is_spec
from ravine.transfer.sources.hugging_face import HUGGING_FACE, from_hugging_face
from ravine.transfer.sources.local import from_file
from ravine.transfer.sources.opened import Opened
from ravine.transfer.sources.timm import from_timm
from ravine.transfer.sources.torchvision import TORCHVISION, from_torchvision
from ravine.transfer.sources.user import from_user

TIMM = "timm:"
ENDINGS = (".safetensors", ".pt", ".pth")


def is_weights(source: str) -> bool:
    """Whether `source` is a file of weights, by its ending.

    >>> is_weights("body.safetensors"), is_weights("runs/digits")
    (True, False)
    """
    return source.endswith(ENDINGS)


def open_pretrained(source: str, shape: InputShape, outputs: int, *, family: str = "auto", **size: Any) -> Opened:
    """The network that `source` names, with pretrained weights and a head of `outputs`.

    Args:
        source: "timm:NAME", "hf:NAME" or "hf:FOLDER", "torchvision:NAME", "file.py:function", or a file of
            weights (.safetensors, .pt).
        shape: Of one prepared row.
        outputs: Of the new head.
        family: Into which network a file of weights goes, as `ravine.models.build` names it.
        size: Further arguments of `build`, for that: rows, width, depth …

    Raises:
        BadValue: No such source, or a network without a head.
        BadRun: Weights that cannot be read or do not fit; the text says which, and their shapes.
        Missing: A package is not installed.
        UserCodeError: The user's function raised.
    """
    for prefix, opened in ((TIMM, from_timm), (HUGGING_FACE, from_hugging_face), (TORCHVISION, from_torchvision)):
        if source.startswith(prefix):
            name = source.removeprefix(prefix)
            if not name:
                raise BadValue(f"transfer: {prefix} needs the name of a model: {prefix}NAME.")
            return opened(name, shape, outputs)
    if is_spec(source):
        return from_user(source, shape, outputs)
    if is_weights(source):
        return from_file(Path(source), shape, outputs, family=family, **size)
    must = "be a run, a .safetensors or .pt file, timm:NAME, hf:NAME, torchvision:NAME or file.py:function"
    raise BadValue(refusal("transfer", "--from", must, source))
