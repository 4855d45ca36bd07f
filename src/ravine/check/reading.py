"""From what a function returned to model, loss, optimizer and data, in every form our verbs accept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.check.rows import OWNER
from ravine.core.errors import BadValue

FORMS = "(model, loss, data), (model, optimizer, loss, data), (model, data) where the model gives the loss itself"


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be checked, each in its place."""

    model: nn.Module
    loss: Any
    optimizer: Optimizer | None
    data: Any


def read(given: Any, owner: str) -> Given:
    """Each part by what it is: the first module is the model, an optimizer or a function is known by its type.

    So `ravine gradcheck`'s (model, loss, batch), `find-lr`'s (model, loss, data) and `probe`'s (model, batch, loss,
    target) are read alike.

    Raises:
        BadValue: There is no model or no data, or something more.
    """
    parts = list(given) if isinstance(given, tuple | list) else [given]
    if not parts or not isinstance(parts[0], nn.Module):
        raise BadValue(f"{OWNER}: {owner} must return {FORMS}; got {_words(parts)}.")
    model = parts.pop(0)
    optimizers = [part for part in parts if isinstance(part, Optimizer)]
    losses = [part for part in parts if _is_loss(part)]
    data = [part for part in parts if part is not None and not isinstance(part, Optimizer) and not _is_loss(part)]
    if len(optimizers) > 1 or len(losses) > 1 or not 1 <= len(data) <= 2:
        lacks = "no data among them" if not data else _words([model, *parts])
        raise BadValue(f"{OWNER}: {owner} must return {FORMS}; got {lacks}.")
    loss = losses[0] if losses else None
    if len(data) == 2 and loss is None:
        data = [tuple(data)]
    whole = data[0] if len(data) == 1 else _with_target(data[0], data[1])
    return Given(model, loss, optimizers[0] if optimizers else None, whole)


def _is_loss(part: Any) -> bool:
    data = isinstance(part, Tensor | Mapping | Optimizer) or (isinstance(part, Iterable) and not _is_module(part))
    return callable(part) and not data and not hasattr(part, "__getitem__")


def _is_module(part: Any) -> bool:
    return isinstance(part, nn.Module)


def _with_target(inputs: Any, target: Any) -> Any:
    return (*inputs, target) if isinstance(inputs, tuple | list) else (inputs, target)


def _words(parts: list[Any]) -> str:
    if len(parts) == 1:
        return type(parts[0]).__name__
    return f"({', '.join(type(part).__name__ for part in parts)})"
