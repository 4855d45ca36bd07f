"""Every loss function of torch.nn.functional; the modules of torch.nn call those."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from ravine.watch.hooks.patches import Patches
from ravine.watch.instrument import LossSeen
from ravine.watch.place import place_of_call
from ravine.watch.steps import Steps

_OUTPUTS = ("input", "log_probs")
_TARGETS = ("target", "targets")


def install(steps: Steps, patches: Patches) -> None:
    """Tell of every loss that is computed."""
    functional = torch.nn.functional
    ours: dict[int, tuple[Any, Any]] = {}
    for name in dir(functional):
        if name.endswith(("_loss", "_entropy", "_entropy_with_logits", "kl_div")) and not name.startswith("_"):
            original = getattr(functional, name)
            patches.replace(functional, name, lambda original, name=name: _heard(original, name, steps))  # type: ignore[misc]
            ours[id(original)] = original, getattr(functional, name)
    _replace_imported(ours, patches)


def _replace_imported(ours: dict[int, tuple[Any, Any]], patches: Patches) -> None:
    """Also where modules of the program have them by name already: `from torch.nn.functional import cross_entropy`."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if names is None or str(names.get("__name__")).partition(".")[0] in ("torch", "ravine"):
            continue
        for name, value in list(names.items()):
            original, instead = ours.get(id(value), (None, None))
            if original is not None and original is value:
                names[name] = instead
                patches.later(functools.partial(_put_back, names, name, instead, original))


def _put_back(names: dict[str, Any], name: str, instead: Any, original: Any) -> None:
    if names.get(name) is instead:
        names[name] = original


def _heard(original: Callable[..., Any], name: str, steps: Steps) -> Callable[..., Any]:
    words, bell = _words(original), steps.bell
    judged = next((word for word in words if word in _OUTPUTS), "")
    held = next((word for word in words if word in _TARGETS), "")
    in_order = words[:2] == [judged, held]

    def loss(*args: Any, **kwargs: Any) -> Any:
        value = original(*args, **kwargs)
        if is_compiling() or bell.passing or type(value) is not Tensor or not bell.hears_numbers():
            return value
        if in_order and len(args) == 2:
            (outputs, targets), given = args, kwargs
        else:
            given = {**dict(zip(words, args, strict=False)), **kwargs}
            outputs, targets = given.pop(judged, None), given.pop(held, None)
        steps.hear_loss(
            LossSeen(
                name=name,
                outputs=outputs if isinstance(outputs, Tensor) else None,
                targets=targets if isinstance(targets, Tensor) else None,
                value=value,
                options=given,
                place=place_of_call(),
                with_gradient=value.requires_grad,
            ),
        )
        return value

    return loss


def _words(original: Callable[..., Any]) -> list[str]:
    """Names of the arguments by place."""
    try:
        return list(inspect.signature(original).parameters)
    except (TypeError, ValueError):  # built in C; what is judged and what it is held against come first
        return ["input", "target"]
