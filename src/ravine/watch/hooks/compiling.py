"""Programs that use torch.compile: what may not be hooked in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Note the first call of torch.compile, which warns of hooks on modules and compiles again when they change."""

    def noted(original: Callable[..., Any]) -> Callable[..., Any]:
        def compile(model: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: A001
            if not steps.scene.compiled:
                steps.scene.compiled = True
                for do in steps.compiled:
                    do()
            if isinstance(model, nn.Module):
                steps.scene.census.meet(model)
            return original(model, *args, **kwargs)

        return compile

    patches.replace(torch, "compile", noted)
