"""From what people hold in their hands (tensors, datasets, loaders) to batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from ravine.core.errors import BadData
from ravine.data.batches import Batches, LoaderBatches, Order, TensorBatches, Weigh, resident, row_order


class EpochOrder(Sampler[int]):
    """Row numbers in the order of `row_order`, each process taking its own; DataLoader's sampler."""

    def __init__(self, rows: int, *, order: Order, seed: int, rank: int = 0, world: int = 1) -> None:
        self.rows, self.order, self.seed, self.rank, self.world = rows, order, seed, rank, world
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rows = row_order(self.rows, self.order, self.seed, self._epoch)
        if self.world > 1:
            # As many rows for each: the first few come twice rather than one process waiting for ever.
            short = -len(rows) % self.world
            rows = torch.cat([rows, rows[:short]])[self.rank :: self.world]
        return iter(rows.tolist())

    def __len__(self) -> int:
        return -(-self.rows // self.world)


def as_batches(
    data: Any,
    name: str,
    *,
    batch_size: int,
    order: Order = "shuffle",
    seed: int = 0,
    pieces: int = 1,
    rank: int = 0,
    world: int = 1,
    device: torch.device,
    workers: int = 0,
    weigh: Weigh | None = None,
    mean: Callable[[float], float] | None = None,
) -> Batches:
    """Batches from (x, …, y) tensors or arrays, a Dataset, a DataLoader, or batches already.

    Raises:
        BadData: `data` is none of these.
    """
    if isinstance(data, TensorBatches | LoaderBatches):
        if weigh is not None:
            data.weigh = weigh
        return data
    if (
        isinstance(data, list | tuple)
        and len(data) >= 2
        and all(isinstance(part, Tensor | np.ndarray) for part in data)
    ):
        *fields, target = resident([torch.as_tensor(part) for part in data], device)
        return TensorBatches(
            fields,
            target,
            batch_size=batch_size,
            order=order,
            seed=seed,
            pieces=pieces,
            rank=rank,
            world=world,
            device=device,
            weigh=weigh,
        )
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        rows = len(data)  # type: ignore[arg-type]
        if rows == 0:
            raise BadData(f"{name}: the dataset is empty.")
        loader = DataLoader(
            data,
            batch_size=max(min(batch_size, rows) // (pieces * world), 1),
            sampler=EpochOrder(rows, order=order, seed=seed, rank=rank, world=world),
            num_workers=workers,
            pin_memory=device.type == "cuda",
            persistent_workers=workers > 0,
        )
        return LoaderBatches(loader, pieces=pieces, device=device, name=name, world=world, weigh=weigh, mean=mean)
    if (
        hasattr(data, "__iter__")
        and hasattr(data, "__len__")
        and not isinstance(data, str | bytes | dict | list | tuple)
    ):
        return LoaderBatches(data, pieces=pieces, device=device, name=name, world=world, weigh=weigh, mean=mean)
    raise BadData(
        f"{name}: must be (x, …, y) tensors or arrays, a Dataset, or a DataLoader with a length; "
        f"got {type(data).__name__}."
    )
