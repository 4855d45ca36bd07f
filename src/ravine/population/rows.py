"""Which rows the members see at each step: the same for all, or each member its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ravine.core.errors import BadData, BadValue, refusal
from ravine.data.batches import Order, TensorBatches, row_order

Rows = Literal["own", "shared"]


class MemberBatches:
    """Batches for several members, cut from tensors in memory.

    The order of epoch e depends on a seed and e alone, so any step of any epoch can be found again. A member's own
    order is the one that a training of it alone, with the same seed, would have.

    Args:
        data: (x, …, y) tensors with the rows first, or `TensorBatches`.
        rows: "own": each member has an order from its own seed; "shared": all have that of the first.
        seeds: One a member.
        batch_size: Rows of a step, for each member; that of `TensorBatches` counts where given.
        order: How rows follow each other; see `ravine.data.batches.row_order`.
        name: What the data are called in errors.

    Raises:
        BadData: Anything but tensors, or no rows.
    """

    def __init__(
        self, data: Any, *, rows: Rows, seeds: Sequence[int], batch_size: int, order: Order, name: str = "population"
    ) -> None:
        if rows not in ("own", "shared"):
            raise BadValue(refusal("population", "rows", "be one of own, shared", rows))
        if isinstance(data, TensorBatches):
            self.fields, self.target, subset = data.fields, data.target, data.subset
            batch_size, order = data.batch_size, data.order
        elif isinstance(data, list | tuple) and len(data) >= 2 and all(isinstance(part, Tensor) for part in data):
            *fields, self.target = data
            self.fields, subset = tuple(fields), None
        else:
            raise BadData(
                f"{name}: members trained as one need (x, …, y) tensors in memory; got {type(data).__name__}. "
                "Train them one by one with ravine.Trainer."
            )
        if any(len(field) != len(self.target) for field in self.fields):
            raise BadData(f"{name}: inputs and targets must have as many rows.")
        self.rows = len(self.target) if subset is None else len(subset)
        if self.rows == 0:
            raise BadData(f"{name}: there are no rows.")
        self.subset, self.order, self.seeds = subset, order, list(seeds)
        self.own = rows == "own"
        self.batch_size = min(batch_size, self.rows)

    def __len__(self) -> int:
        """Steps of an epoch."""
        return math.ceil(self.rows / self.batch_size)

    def epoch(
        self, epoch: int, start: int, members: Sequence[int], device: torch.device
    ) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Inputs and targets from step `start` of `epoch` on: (members, batch, …), or (batch, …) where shared."""
        seeds = [self.seeds[member] for member in members] if self.own else self.seeds[:1]
        orders = torch.stack([row_order(self.rows, self.order, seed, epoch) for seed in seeds])
        if self.subset is not None:
            orders = self.subset[orders]
        orders = orders.to(self.target.device)
        for first in range(start * self.batch_size, self.rows, self.batch_size):
            places = orders[:, first : first + self.batch_size]
            inputs = tuple(self._cut(field, places, device) for field in self.fields)
            yield inputs, self._cut(self.target, places, device)

    def whole(self, device: torch.device) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """All rows in their order, (batch, …) each."""
        places = torch.arange(self.rows) if self.subset is None else self.subset
        for part in torch.split(places.to(self.target.device), self.batch_size):
            inputs = tuple(field.index_select(0, part).to(device) for field in self.fields)
            yield inputs, self.target.index_select(0, part).to(device)

    def _cut(self, tensor: Tensor, places: Tensor, device: torch.device) -> Tensor:
        found = tensor.index_select(0, places.flatten()).to(device, non_blocking=True)
        return found.view(*places.shape, *tensor.shape[1:]) if self.own else found
