"""Ravine trains neural networks and says why a training goes well or badly.

Nothing heavy is imported until it is used: `import ravine` loads neither torch nor polars.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ravine.core.version import VERSION

if TYPE_CHECKING:
    from ravine.check.check import check
    from ravine.fit.fit import Run, fit, load
    from ravine.optim.gradcheck import gradcheck
    from ravine.train.trainer import Trainer
    from ravine.watch.watcher import watch

__version__ = VERSION

_HOMES = {
    "check": "ravine.check.check",
    "fit": "ravine.fit.fit",
    "Run": "ravine.fit.fit",
    "load": "ravine.fit.fit",
    "Trainer": "ravine.train.trainer",
    "gradcheck": "ravine.optim.gradcheck",
    "watch": "ravine.watch.watcher",
}

__all__ = ["Run", "Trainer", "__version__", "check", "fit", "gradcheck", "load", "watch"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    try:
        return import_module(f"ravine.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"ravine.{name}":
            raise
        raise AttributeError(f"module 'ravine' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
