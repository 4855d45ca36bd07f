"""Steps of every torch.optim.Optimizer, its descendants elsewhere among them."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.compiler import is_compiling
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell before and after each step; a closure is called through one of ours, which sees when gradients are there."""
    bell = steps.bell

    def before(
        optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if is_compiling() or bell.passing or not bell.hears():
            return None
        by_place = len(args) > 1
        closure = args[1] if by_place else kwargs.get("closure")
        given = steps.enter(optimizer, closure if callable(closure) and not isinstance(closure, Tensor) else None)
        if given is None:
            return None
        if by_place:
            return (args[0], given, *args[2:]), kwargs
        return args, {**kwargs, "closure": given}

    def after(optimizer: Optimizer, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
        if is_compiling():
            return
        if bell.passing:
            steps.let_pass(optimizer)
        elif bell.hears():
            steps.leave(optimizer)

    patches.later(register_optimizer_step_pre_hook(before).remove)
    patches.later(register_optimizer_step_post_hook(after).remove)
