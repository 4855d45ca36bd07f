"""Losses made larger for half precision: the curve is of the loss itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.compiler import is_compiling

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Remember what a GradScaler has made of which loss."""

    def noted(original: Callable[..., Any]) -> Callable[..., Any]:
        def scale(self: GradScaler, outputs: Any) -> Any:
            scaled = original(self, outputs)
            if not is_compiling() and steps.bell.hears() and isinstance(scaled, Tensor) and isinstance(outputs, Tensor):
                steps.scaled = (scaled, outputs)
            return scaled

        return scale

    patches.replace(GradScaler, "scale", noted)
