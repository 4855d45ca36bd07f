"""Hooks into torch, one concern a file; each is given the bell to ring and a way to take itself back."""

from __future__ import annotations

from ravine.watch.hooks import (
    backward,
    by_hand,
    clipping,
    compiling,
    forward,
    keras,
    loaders,
    losses,
    modes,
    optimizers,
    scaling,
    schedulers,
    zeroing,
)
from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps

__all__ = ["install"]

_ALL = (
    losses,
    keras,
    backward,
    zeroing,
    optimizers,
    clipping,
    scaling,
    schedulers,
    modes,
    loaders,
    compiling,
    forward,
    by_hand,
)


def install(steps: Steps) -> Patches:
    """Hook into torch as it is loaded here; `undo()` of what is returned leaves it as it was."""
    patches = Patches()
    for hook in _ALL:
        hook.install(steps, patches)
    return patches
