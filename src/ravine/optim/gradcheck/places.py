"""Where in somebody's files something is: file:line, as short as it can be found from here."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

_OURS = Path(__file__).parent
_TORCH = Path(torch.__file__).parent


def place_of(what: Any) -> str:
    """Of a class or function; "" where there is no source."""
    try:
        file = inspect.getsourcefile(what)
        line = inspect.getsourcelines(what)[1]
    except (TypeError, OSError):
        return ""
    return "" if file is None else _short(Path(file), line)


def place_in(frames: Iterable[traceback.FrameSummary]) -> str:
    """Of the deepest frame that is neither torch's nor of this check; "" if there is none."""
    for frame in reversed(list(frames)):
        path = Path(frame.filename)
        if path.is_file() and not path.is_relative_to(_OURS) and not path.is_relative_to(_TORCH):
            return _short(path, frame.lineno or 0)
    return ""


def _short(path: Path, line: int) -> str:
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
