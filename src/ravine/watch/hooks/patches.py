"""Attributes replaced for a while."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Patches:
    """What was put where, so that all of it can be taken back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, made: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Put `made(original)` in the place of `owner.name`; it keeps the original's name and signature.

        torch.jit.script, which reads source, is shown the original.
        """
        original = owner.__dict__[name]
        replacement = functools.wraps(original)(made(original))
        replacement.__prepare_scriptable__ = lambda: original  # type: ignore[attr-defined]
        setattr(owner, name, replacement)

        def undo() -> None:
            if owner.__dict__.get(name) is replacement:  # somebody else's patch on top stays; ours is asleep below it
                setattr(owner, name, original)

        self._undo.append(undo)

    def later(self, undo: Callable[[], None]) -> None:
        """Something else to take back."""
        self._undo.append(undo)

    def join(self, listeners: list[Any], listener: Any) -> None:
        """One more listener."""
        listeners.append(listener)
        self._undo.append(lambda: listeners.remove(listener))

    def undo(self) -> None:
        """Leave torch as it was, last things first."""
        while self._undo:
            self._undo.pop()()
