"""Mini-batches: rows in a fresh order each epoch, cut so that any point of an epoch can be found again.

The order of epoch e depends on (seed, e) alone, so a run resumed in the middle of an epoch needs no
more than two numbers to see the rows it would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ravine.core.errors import BadData, BadValue, refusal

Weigh = Callable[[Any], Any]
"""Target of some rows → how much they count in a mean loss, a number or a tensor of one."""

Order = Literal["shuffle", "replacement", "fixed", "sequential"]
ORDERS: tuple[Order, ...] = ("shuffle", "replacement", "fixed", "sequential")


class Batch(NamedTuple):
    """One piece of one optimizer step.

    Attributes:
        inputs: Fields of the rows, each (rows, …).
        target: What is to be learned, (rows, …).
        share: Weight of this piece's mean loss, so that the pieces of a step, summed over
            accumulation and averaged over processes, give the mean over all rows of the step.
        ends_step: Whether the optimizer steps after this piece.
    """

    inputs: tuple[Any, ...]
    target: Any
    share: float
    ends_step: bool


class Batches(Protocol):
    """Anything that can be walked through epoch by epoch, from any step on."""

    rows: int

    @property
    def batch_size(self) -> int:
        """Rows of one whole optimizer step, over all processes."""
        ...

    def __len__(self) -> int:
        """Optimizer steps in one epoch."""
        ...

    def epoch(self, epoch: int, start: int = 0, replayed: Callable[[], object] | None = None) -> Iterator[Batch]:
        """The batches of epoch number `epoch` (from 0), beginning with step `start` of it.

        `replayed` is called once what comes before `start` has been passed over, just before the
        first batch is loaded: the moment to set random states back to what they were there.
        """
        ...


def row_order(rows: int, order: Order, seed: int, epoch: int) -> Tensor:
    """Row numbers of one epoch, int64 (rows,).

    - "shuffle": a fresh random order each epoch, without replacement;
    - "replacement": rows drawn independently, with replacement;
    - "fixed": one random order, the same each epoch;
    - "sequential": as they come.
    """
    if order == "sequential":
        return torch.arange(rows)
    generator = torch.Generator().manual_seed(_mixed(seed, 0 if order == "fixed" else epoch))
    if order == "replacement":
        return torch.randint(rows, (rows,), generator=generator)
    return torch.randperm(rows, generator=generator)


def resident(tensors: Sequence[Tensor], device: torch.device, share: float = 0.25) -> list[Tensor]:
    """`tensors` on `device`, where they take at most `share` of the memory free there; else as they are.

    Batches are then cut on the device itself, and nothing crosses the bus at a step.
    """
    if device.type != "cuda":
        return list(tensors)
    free, _ = torch.cuda.mem_get_info(device)
    if sum(tensor.nbytes for tensor in tensors) > share * free:
        return list(tensors)
    return [tensor.to(device) for tensor in tensors]


class TensorBatches:
    """Batches cut from tensors that are in memory: one gather a field, no worker, no collation.

    Args:
        fields: Inputs, each with the rows first.
        target: (rows, …).
        batch_size: Rows of one optimizer step, over all processes.
        order: How rows follow each other; see `row_order`.
        seed: Of the order.
        pieces: Into how many pieces a step is cut, for gradient accumulation.
        rank: This process among `world`.
        world: Number of processes; each takes every `world`-th row of a piece.
        device: Where batches go; None leaves them where the fields are.
        subset: Row numbers that take part, int64; None for all. Nothing is copied.
        weigh: How much the rows of a piece count; None counts them.
    """

    def __init__(
        self,
        fields: Sequence[Tensor],
        target: Tensor,
        *,
        batch_size: int,
        order: Order = "shuffle",
        seed: int = 0,
        pieces: int = 1,
        rank: int = 0,
        world: int = 1,
        device: torch.device | None = None,
        subset: Tensor | None = None,
        weigh: Weigh | None = None,
    ) -> None:
        if order not in ORDERS:
            raise BadValue(refusal("batches", "order", f"be one of {', '.join(ORDERS)}", order))
        if batch_size < 1 or pieces < 1 or pieces > batch_size:
            raise BadValue(refusal("batches", "batch_size", f"be at least {max(pieces, 1)}", batch_size))
        self.rows = len(target) if subset is None else len(subset)
        if self.rows == 0:
            raise BadData("batches: there are no rows to train on.")
        for field in fields:
            if len(field) != len(target):
                raise BadData(f"batches: inputs have {len(field)} rows, the target {len(target)}; they must agree.")
        self.fields = tuple(fields)
        self.target = target
        self.subset = subset
        self.batch_size = min(batch_size, self.rows)
        self.order = order
        self.seed = seed
        self.pieces = pieces
        self.rank = rank
        self.world = world
        self.device = device
        self.weigh = weigh

    def __len__(self) -> int:
        return math.ceil(self.rows / self.batch_size)

    def epoch(self, epoch: int, start: int = 0, replayed: Callable[[], object] | None = None) -> Iterator[Batch]:
        """See `Batches.epoch`."""
        if replayed is not None:
            replayed()
        rows = row_order(self.rows, self.order, self.seed, epoch)
        if self.subset is not None:
            rows = self.subset[rows]
        rows = rows.to(self.target.device)  # once an epoch, so that no step waits for its numbers
        size = self.batch_size
        steps = (rows[first : first + size] for first in range(start * size, len(rows), size))
        if self.pieces == self.world == 1:
            # The hot path: whole steps, and fields and target gathered with nothing in between.
            fields, target, device = self.fields, self.target, self.device
            move = device is not None and device != target.device
            for step in steps:
                inputs = tuple([field.index_select(0, step) for field in fields])
                answer = target.index_select(0, step)
                if move:
                    inputs = tuple(field.to(device, non_blocking=True) for field in inputs)
                    answer = answer.to(device, non_blocking=True)
                yield Batch(inputs, answer, 1.0, True)
            return
        for step in steps:
            pieces = step.tensor_split(min(self.pieces, len(step)))
            weight = float(len(step) if self.weigh is None else self.weigh(self.target.index_select(0, step)))
            for number, piece in enumerate(pieces, start=1):
                yield self._piece(piece, weight, ends_step=number == len(pieces))

    def _piece(self, piece: Tensor, weight_of_step: float, *, ends_step: bool) -> Batch:
        mine = piece[self.rank :: self.world]
        weight = float(len(mine) if self.weigh is None else self.weigh(self.target.index_select(0, mine)))
        share = weight * self.world / weight_of_step if weight_of_step else 0.0
        if len(mine) == 0:
            # Every process must take part in the exchange of gradients: one row of no weight.
            mine, share = piece[:1], 0.0
        inputs = tuple(field.index_select(0, mine).to(self.device or field.device) for field in self.fields)
        answer = self.target.index_select(0, mine)
        return Batch(inputs, answer.to(self.device or answer.device), share, ends_step)


class LoaderBatches:
    """Batches from somebody's `DataLoader`, or any iterable with a length that yields (x, …, y).

    A resumed epoch replays the loader's batches up to `start` without training on them, so the
    loader's own random draws stay what they were.

    Args:
        loader: Yields (x, …, y).
        pieces: How many of its batches make an optimizer step.
        device: Where batches go.
        name: For errors.
        world: Number of processes, each with a loader of its own.
        weigh: How much a batch counts; None counts rows, of which all processes have equally many.
        mean: The mean of a number over the processes, where weights are to be compared between them.
    """

    def __init__(
        self,
        loader: DataLoader[Any] | Any,
        *,
        pieces: int = 1,
        device: torch.device | None = None,
        name: str = "loader",
        world: int = 1,
        weigh: Weigh | None = None,
        mean: Callable[[float], float] | None = None,
    ) -> None:
        try:
            self._loader_batches = len(loader)
        except TypeError:
            raise BadData(
                f"{name}: has no length, so the schedule cannot be laid out. Give a loader with __len__."
            ) from None
        if self._loader_batches == 0:
            raise BadData(f"{name}: yields no batches (length 0).")
        self.loader = loader
        self.pieces = pieces
        self.device = device
        self.name = name
        self.world, self.weigh, self._mean = world, weigh, mean
        try:
            self.rows = len(loader.dataset)  # type: ignore[arg-type]
        except (AttributeError, TypeError):  # no dataset, or one without a length
            self.rows = self._loader_batches

    def __len__(self) -> int:
        return math.ceil(self._loader_batches / self.pieces)

    @property
    def batch_size(self) -> int:
        """Rows of one whole optimizer step, over all processes."""
        own = getattr(self.loader, "batch_size", None)
        rows = own if isinstance(own, int) else math.ceil(self.rows / self.world / self._loader_batches)
        return rows * self.pieces * self.world

    def epoch(self, epoch: int, start: int = 0, replayed: Callable[[], object] | None = None) -> Iterator[Batch]:
        """See `Batches.epoch`."""
        set_epoch = getattr(getattr(self.loader, "sampler", None), "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)
        window: list[tuple[tuple[Any, ...], Any, int]] = []
        passed = start * self.pieces
        if replayed is not None and passed == 0:
            replayed()
        for number, loaded in enumerate(self.loader, start=1):
            if number <= passed:
                if replayed is not None and number == passed:
                    replayed()
                continue
            window.append(self.parted(loaded))
            if len(window) == self.pieces or number == self._loader_batches:
                # The whole window is known before its first piece is weighed: a short last one
                # counts its own rows, not the rows it might have had.
                weights = [float(rows if self.weigh is None else self.weigh(target)) for _, target, rows in window]
                weight_of_step = sum(weights)
                if self.weigh is not None and self._mean is not None:
                    weight_of_step = self._mean(weight_of_step)
                for place, ((inputs, target, _), weight) in enumerate(zip(window, weights, strict=True), start=1):
                    share = weight / weight_of_step if weight_of_step else 0.0
                    yield Batch(inputs, target, share, place == len(window))
                window = []

    def parted(self, loaded: Any) -> tuple[tuple[Any, ...], Any, int]:
        """One loaded batch as (inputs, target, rows), on the device."""
        if not (isinstance(loaded, list | tuple) and len(loaded) >= 2):
            raise BadData(
                f"{self.name}: a batch must be (input, …, target); got {type(loaded).__name__}. "
                "Give the loader a collate_fn that returns a tuple."
            )
        *inputs, target = (self._moved(part) for part in loaded)
        rows = (
            len(target) if hasattr(target, "__len__") and not (isinstance(target, Tensor) and target.ndim == 0) else 1
        )
        return tuple(inputs), target, rows

    def _moved(self, part: Any) -> Any:
        if isinstance(part, Tensor) and self.device is not None:
            return part.to(self.device, non_blocking=True)
        return part


def _mixed(seed: int, epoch: int) -> int:
    """One number below 2⁶³ from two: neighbouring seeds and epochs share no order (splitmix64)."""
    value = (seed * 0x9E3779B97F4A7C15 + epoch + 1) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return (value ^ (value >> 31)) >> 1


_MASK = 2**64 - 1
