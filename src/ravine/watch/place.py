"""Where in the user's own code something was called: "train.py:31"."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path
from types import FrameType

import torch

_LIBRARIES = tuple(
    {
        str(Path(torch.__file__).parent),
        str(Path(__file__).parent),
        *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
        "<frozen ",
    }
)
_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
_shown: dict[str, str] = {}  # how each file is written; "" for one that is not the user's


def place_of_call(depth: int = 2) -> str:
    """File and line of the nearest caller that belongs to no library; "" when there is none.

    Args:
        depth: Frames above this one at which to begin.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        file = frame.f_code.co_filename
        name = _shown.get(file)
        if name is None:
            name = _shown[file] = _written(file)
        if name:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _written(file: str) -> str:
    """`file` as a person would write it from here."""
    if file.startswith(_LIBRARIES) or _INSTALLED.search(file):
        return ""
    near = os.path.relpath(file) if os.path.isabs(file) else file
    return os.path.basename(file) if near.startswith("..") else near
