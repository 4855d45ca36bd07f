"""What a frozen body makes of rows, computed once and kept: the head then trains without the body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue
from ravine.core.intervals import Interval
from ravine.data.batches import TensorBatches
from ravine.train.trainer import Transform

_AT_LEAST_ONE = Interval(1)
_ROWS = 256  # a pass

FULL = 1_024
"""Rows of a step on kept features: a step costs the same up to here, and the problem is convex."""


class NoFeatures(BadValue):
    """Features cannot stand for the body: the answer is not what the head makes of one vector a row."""


def features_of(network: nn.Module, head: nn.Module, batches: Iterable[tuple[Any, ...]]) -> Tensor:
    """What `head` is given for each row, (rows, features), in evaluation mode and without gradients.

    Args:
        network: Fields → outputs; its mode is left as it was.
        head: A layer inside it.
        batches: Fields of some rows each.

    Raises:
        NoFeatures: The network's answer is not what `head` makes of one vector a row.
    """
    found: list[Tensor] = []
    with _still(network), _given_to(head) as given, torch.no_grad():
        for fields in batches:
            given.clear()
            outputs = network(*fields)
            rows = len(fields[0])
            if (
                len(given) != 1
                or given[0].ndim != 2
                or len(given[0]) != rows
                or not _is_answer(head, given[0], outputs)
            ):
                raise NoFeatures(
                    "transfer: the network's answer is not its head's, applied to one vector a row, so that features "
                    "of the body cannot be kept. Use plan = 'last-block' or 'fine-tune'."
                )
            found.append(given[0])
    return torch.cat(found)


def cached(
    network: nn.Module,
    head: nn.Module,
    batches: TensorBatches,
    *,
    transform: Transform | None = None,
    views: int = 1,
    plain: Tensor | None = None,
) -> TensorBatches:
    """`batches` with the features of their rows in place of the rows, all in one tensor where the network is.

    Steps are larger than they were, up to `FULL` rows, and in one piece.

    Args:
        network: Fields → outputs.
        head: Its last layer.
        batches: Rows to be seen.
        transform: What changes training rows anew at each sight.
        views: With `transform`, how many changed versions of each row are kept; the unchanged one is
            always among them. Without, one is all there is.
        plain: Features of the unchanged rows, where they are known already.

    Raises:
        BadValue: Fewer than one view; features cannot stand for the body.
    """
    _AT_LEAST_ONE.check("transfer", "views", views)
    rows = torch.arange(len(batches.target)) if batches.subset is None else batches.subset
    home = next(network.parameters()).device
    parts = [features_of(network, head, _fields(batches, rows, home)) if plain is None else plain]
    targets = [_picked(batches.target, rows)]
    for _ in range(views if transform is not None else 0):
        changed: list[Tensor] = []
        kept = targets[0].to(home)
        new_targets: list[Tensor] = []
        for fields, target in zip(_fields(batches, rows, home), torch.split(kept, _ROWS), strict=True):
            inputs, wanted = transform(fields, target) if transform is not None else (fields, target)
            if wanted.shape != target.shape:
                raise BadValue(
                    "transfer: mixed rows have no features of their own; leave mixup away with plan = 'linear'."
                )
            changed.append(features_of(network, head, [inputs]))
            new_targets.append(wanted)
        parts.append(torch.cat(changed))
        targets.append(torch.cat(new_targets).to(targets[0].device))
    return TensorBatches(
        (torch.cat(parts),),
        torch.cat(targets).to(home),
        batch_size=max(batches.batch_size, FULL),
        order=batches.order,
        seed=batches.seed,
        rank=batches.rank,
        world=batches.world,
        device=batches.device,
    )


def rows_in_pieces(batches: TensorBatches, home: torch.device) -> tuple[Iterator[tuple[Tensor, ...]], Tensor]:
    """All rows of `batches` in their order, some at a time on `home`, and their targets; whoever walks through them."""
    rows = torch.arange(len(batches.target)) if batches.subset is None else batches.subset
    return _fields(batches, rows, home), _picked(batches.target, rows)


def _fields(batches: TensorBatches, rows: Tensor, home: torch.device) -> Iterator[tuple[Tensor, ...]]:
    for some in torch.split(rows, _ROWS):
        yield tuple(_picked(field, some).to(home) for field in batches.fields)


def _picked(values: Tensor, rows: Tensor) -> Tensor:
    return values[rows.to(values.device)]


def _is_answer(head: nn.Module, given: Tensor, outputs: Any) -> bool:
    return isinstance(outputs, Tensor) and torch.equal(head.forward(given), outputs)


@contextmanager
def _given_to(head: nn.Module) -> Iterator[list[Tensor]]:
    given: list[Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach()))
    try:
        yield given
    finally:
        handle.remove()


@contextmanager
def _still(network: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
