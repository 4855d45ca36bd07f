"""What goes into a module and what comes out, whether or not it has names there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

_HOLDERS = (nn.ParameterDict, nn.ParameterList)
_places: dict[type[nn.Module], tuple[inspect.Parameter, ...]] = {}


def given(module: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """What `module` was called with, all of it by place, as far as `forward` has places for it.

    >>> class Net(nn.Module):
    ...     def forward(self, ids, mask=None, labels=None): ...
    >>> given(Net(), (), {"labels": 2, "ids": 1})
    (1, None, 2)
    """
    if not named:
        return inputs
    kind = type(module)
    places = _places.get(kind)
    if places is None:
        places = _places[kind] = _places_of(module)
    rest = places[len(inputs) :]
    last = max((number for number, one in enumerate(rest, start=1) if one.name in named), default=0)
    return (*inputs, *(named.get(one.name, one.default) for one in rest[:last]))


def answer(output: Any) -> Any:
    """The tensor that a model answers with, where it gives several things by name; else what it gave.

    >>> answer({"loss": 0.1, "logits": "these"})
    'these'
    """
    if not isinstance(output, Mapping):
        return output
    if "logits" in output:
        return output["logits"]
    return next((value for value in output.values() if isinstance(value, Tensor) and value.dim()), output)


def computes(module: nn.Module) -> bool:
    """Whether `module` computes by itself, and not through others: what only holds parameters is no other."""
    return all(type(one) in _HOLDERS for one in module._modules.values())


def _places_of(module: nn.Module) -> tuple[inspect.Parameter, ...]:
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return ()
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(one for one in parameters if one.kind in by_place)
