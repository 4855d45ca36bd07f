"""A network run for what it shows, and left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ravine.core.errors import BadValue, RavineError

Batch = Tensor | tuple[Any, ...] | list[Any] | Mapping[str, Any]
"""What a network is called with: one field, several by place, or several by name."""


@contextmanager
def untouched(model: nn.Module, *, training: bool = True) -> Iterator[None]:
    """Inside, `model` may run in training mode; afterwards buffers, modes and torch's random state are as before.

    Parameters and their `.grad` are not looked after: who runs a network here takes gradients with
    `torch.autograd.grad`.
    """
    modes = {part: part.training for part in model.modules()}
    buffers = [
        (part, name, value, None if value is None else value.detach().clone())
        for part in model.modules()
        for name, value in part._buffers.items()
    ]
    devices = {value.device for value in model.parameters() if value.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=[device.index or 0 for device in devices]):
            model.train(training)
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode
        for part, name, value, copy in buffers:
            if value is not None and copy is not None:
                with torch.no_grad():
                    value.copy_(copy)
            part._buffers[name] = value


def called(owner: str, model: nn.Module, batch: Batch) -> Any:
    """What `model` gives for `batch`.

    Raises:
        BadValue: The network refuses the batch, or has parameters without a shape yet.
    """
    lazy = [name for name, value in model.named_parameters() if nn.parameter.is_lazy(value)]
    if lazy:
        raise BadValue(f"{owner}: {lazy[0]} has no shape yet. Run the model on a batch once, then ask again.")
    try:
        if isinstance(batch, Mapping):
            return model(**batch)
        return model(*batch) if isinstance(batch, tuple | list) else model(batch)
    except RavineError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadValue(f"{owner}: the {type(model).__name__} cannot run on this batch: {reason}") from error


def rows(batch: Batch) -> int:
    """How many rows `batch` has: the length of its first tensor."""
    fields = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, tuple | list) else (batch,)
    return next((len(field) for field in fields if isinstance(field, Tensor) and field.ndim), 0)


def first_tensor(output: Any) -> Tensor | None:
    """The first floating-point tensor in what a network or layer gives; None where there is none."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() else None
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


Entered = Callable[[nn.Module, tuple[Any, ...]], None]
Left = Callable[[nn.Module, tuple[Any, ...], Any], None]


@contextmanager
def watched(model: nn.Module, left: Left, entered: Entered | None = None) -> Iterator[None]:
    """Inside, every module of `model` tells when it is entered and, with what it gives, when it is left."""

    def enter(part: nn.Module, given: tuple[Any, ...]) -> None:
        if entered is not None:
            entered(part, given)

    def leave(part: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        left(part, given, output)

    handles = [
        handle
        for part in model.modules()
        for handle in (
            part.register_forward_pre_hook(enter, prepend=True),
            part.register_forward_hook(leave),
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def names_of(model: nn.Module) -> dict[nn.Module, str]:
    """Each part of `model` by its dotted name; the whole has its class's."""
    return {part: name or type(model).__name__ for name, part in model.named_modules()}


WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)
"""Layers that sum weighted inputs: z = W u + b."""


def is_layer(part: nn.Module) -> bool:
    """Whether `part` is looked at as one: it has no parts of its own, or parameters beside them.

    What `torch.nn.utils.parametrize` puts into a layer to compute its weight is no part in this sense.
    """
    if isinstance(part, parametrize.ParametrizationList):
        return False
    parts = [name for name, _ in part.named_children() if name != "parametrizations"]
    return not parts or any(True for _ in part.parameters(recurse=False))
