"""Gradients cleared through an optimizer or a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.compiler import is_compiling
from torch.optim import Optimizer

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell when gradients are cleared."""
    bell = steps.bell

    def told(original: Callable[..., Any]) -> Callable[..., Any]:
        def zero_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
            done = original(self, *args, **kwargs)
            if not (is_compiling() or bell.passing) and bell.hears():
                bell.ring("zero_grad", self)
            return done

        return zero_grad

    patches.replace(Optimizer, "zero_grad", told)
    patches.replace(nn.Module, "zero_grad", told)
