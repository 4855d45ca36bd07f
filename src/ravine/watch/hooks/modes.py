"""`model.train()` and `.eval()`; and which modules a program has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.compiler import is_compiling

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell of a mode once, for the module it was set on; its children follow. Meet modules on the way."""
    bell, census = steps.bell, steps.scene.census
    depth = 0

    def told(original: Callable[..., Any]) -> Callable[..., Any]:
        def train(self: nn.Module, mode: bool = True) -> nn.Module:
            nonlocal depth
            if depth or is_compiling() or not bell.hears():
                return original(self, mode)  # type: ignore[no-any-return]
            depth += 1
            try:
                done = original(self, mode)
            finally:
                depth -= 1
            census.meet(self)
            bell.passing = False  # an evaluation is never missed
            for do in steps.modes:
                do(mode)
            bell.ring("mode", self, mode)
            return done  # type: ignore[no-any-return]

        return train

    def met(original: Callable[..., Any]) -> Callable[..., Any]:
        def parameters(self: nn.Module, recurse: bool = True) -> Any:
            if recurse and not is_compiling() and bell.hears():
                census.meet(self)
            return original(self, recurse)

        return parameters

    patches.replace(nn.Module, "train", told)
    patches.replace(nn.Module, "parameters", met)
