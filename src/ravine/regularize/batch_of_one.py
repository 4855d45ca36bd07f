"""Batch statistics need more than one value: the refusal, and torch's own made readable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.core.errors import BadValue, refusal

REMEDY = (
    "Leave out a last batch that is too small (drop_last=True), train on larger batches, "
    'or normalize without the batch: swap_norm(model, "group").'
)


def values_per_channel(x: Tensor) -> int:
    """How many numbers each channel of x, shape (batch, channels, *), has in this batch."""
    return x.shape[0] * x.shape[2:].numel()


def refuse_few_values(owner: str, x: Tensor, least: int = 2) -> None:
    """Raise `BadValue` when a channel of x has fewer than `least` values to take statistics of.

    Args:
        owner: Who refuses.
        x: (batch, channels, *).
        least: Fewest values per channel that will do.
    """
    if values_per_channel(x) < least:
        must = f"have at least {least} values per channel while training"
        raise BadValue(refusal(owner, "a batch", must, tuple(x.shape), REMEDY))


@contextmanager
def explained_batch_of_one(model: nn.Module) -> Iterator[None]:
    """Turn torch's "Expected more than 1 value per channel" into a `BadValue` that names the layer.

    Every other error passes as it is.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    >>> with explained_batch_of_one(model):
    ...     model(torch.ones(1, 3))
    Traceback (most recent call last):
    ravine.core.errors.BadValue: BatchNorm1d '1': a batch must have at least 2 values per channel ...
    """
    try:
        yield
    except ValueError as error:
        if isinstance(error, BadValue) or "more than 1 value per channel" not in str(error):
            raise
        owner, shape = _where(model, error)
        must = "have at least 2 values per channel while training"
        raise BadValue(refusal(owner, "a batch", must, shape, REMEDY)) from error


def _where(model: nn.Module, error: ValueError) -> tuple[str, object]:
    """The batch norm that raised, by its name in the model, and the shape that it was given."""
    names = {id(layer): name for name, layer in model.named_modules()}
    trace = error.__traceback__
    owner, shape = type(model).__name__, str(error)
    while trace is not None:
        here = trace.tb_frame.f_locals
        layer, given = here.get("self"), here.get("input")
        if isinstance(layer, _BatchNorm) and isinstance(given, Tensor):
            return f"{type(layer).__name__} {names.get(id(layer), '')!r}", tuple(given.shape)
        trace = trace.tb_next
    return owner, shape
