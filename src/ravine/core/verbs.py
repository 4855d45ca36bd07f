"""Rooms that are verbs too: `ravine.fit` is a package, and `ravine.fit(data)` trains."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def make_callable(room: str, function: str) -> None:
    """Make calling the package `room` call "module:function", imported at the first call.

    Python sets `ravine.fit` to the package as soon as anything inside it is imported, so a
    function of the same name in `ravine/__init__.py` would be hidden by it.
    """
    home, _, name = function.partition(":")

    class Verb(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return getattr(import_module(home), name)(*args, **kwargs)

    sys.modules[room].__class__ = Verb
