"""Gradients clipped by torch.nn.utils."""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from ravine.watch.hooks.patches import Patches
from ravine.watch.instrument import ClipSeen
from ravine.watch.place import place_of_call
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell of clipping by norm and by value."""
    bell = steps.bell

    def told(original: Callable[..., Any]) -> Callable[..., Any]:
        def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            if is_compiling() or bell.passing or not bell.hears() or not bell.listens("clip"):
                return original(parameters, *args, **kwargs)
            params = (parameters,) if isinstance(parameters, Tensor) else tuple(parameters)
            # torch warns of an empty generator, so a generator stays one.
            again = (p for p in params) if isinstance(parameters, GeneratorType) else params
            norm = original(again, *args, **kwargs)
            limit = args[0] if args else kwargs.get("max_norm", kwargs.get("clip_value", float("inf")))
            seen = ClipSeen(
                params=params,
                limit=float(limit),
                norm=norm if isinstance(norm, Tensor) else None,
                place=place_of_call(),
            )
            bell.ring("clip", seen)
            return norm

        return clip

    where = torch.nn.utils.clip_grad
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        patches.replace(where, name, told)
        ours, before = getattr(where, name), getattr(torch.nn.utils, name)
        setattr(torch.nn.utils, name, ours)
        patches.later(lambda name=name, before=before: setattr(torch.nn.utils, name, before))  # type: ignore[misc]
