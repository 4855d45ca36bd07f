"""The rows a check works with, gathered from whatever form the data come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ravine.core.errors import BadData
from ravine.optim.gradcheck.copies import split_batch

MOST = 2048
"""Rows gathered, at most: enough to tell chance from learning, and soon read."""

OWNER = "check"
_LABELS = ("labels", "label", "targets", "target")
_ASKED = 64  # rows of a batch, where a Dataset is given


@dataclass(frozen=True, slots=True)
class Rows:
    """Examples: what the model is called with, and what its loss is given beside the output.

    Attributes:
        args: Inputs by place.
        kwargs: Inputs by name.
        target: () where the model computes its own loss.
        count: How many examples.
        apart: Whether every tensor has one entry an example, first axis first: only then can rows be chosen.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: tuple[Any, ...]
    count: int
    apart: bool

    @classmethod
    def of(cls, args: tuple[Any, ...], kwargs: dict[str, Any], target: tuple[Any, ...]) -> Rows:
        """Count the examples: as many as the first target has entries, else the first input."""
        tensors = _tensors((target, args, kwargs))
        sized = [tensor for tensor in tensors if tensor.dim()]
        count = len(sized[0]) if sized else 1
        return cls(args, kwargs, target, count, bool(sized) and all(len(one) == count for one in sized))

    @property
    def inputs(self) -> list[Tensor]:
        """Every tensor among the inputs."""
        return _tensors((self.args, self.kwargs))

    @property
    def targets(self) -> list[Tensor]:
        """Every tensor among the targets."""
        return _tensors(self.target)

    def take(self, which: Tensor) -> Rows:
        """Only the examples `which`, numbers in their order; all, where they cannot be told apart."""
        if not self.apart:
            return self

        def chosen(leaf: Any) -> Any:
            return leaf[which.to(leaf.device)] if isinstance(leaf, Tensor) and leaf.dim() else leaf

        args, kwargs, target = pytree.tree_map(chosen, (self.args, self.kwargs, self.target))
        return replace(self, args=args, kwargs=kwargs, target=target, count=len(which))

    def first(self, count: int) -> Rows:
        """The first examples, at most `count`."""
        return self if self.count <= count else self.take(torch.arange(count))

    def with_inputs_of(self, which: Tensor) -> Rows:
        """The same targets, with the inputs of other examples."""
        other = self.take(which)
        kept = {name: self.kwargs[name] for name in self.labelled}
        return replace(self, args=other.args, kwargs={**other.kwargs, **kept})

    @property
    def labels(self) -> Tensor | None:
        """The first of them."""
        named = [self.kwargs[name] for name in self.labelled]
        return named[0] if named and isinstance(named[0], Tensor) else None

    @property
    def labelled(self) -> list[str]:
        """Inputs by name that are targets, for a model that computes its own loss."""
        return [name for name in self.kwargs if not self.target and name in _LABELS]

    def chunks(self, size: int) -> list[Rows]:
        """Pieces of `size` examples, the last one shorter; all at once where they cannot be told apart."""
        if not self.apart or self.count <= size:
            return [self]
        return [self.take(piece) for piece in torch.split(torch.arange(self.count), size)]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows, and how many of them a training batch has, where that is known."""

    rows: Rows
    batch_size: int | None


def gather(data: Any, *, with_target: bool, device: torch.device, seed: int) -> Gathered:
    """Rows from one batch, tensors, a list of batches, a Dataset or a DataLoader; those of larger data are drawn.

    Args:
        data: (inputs, target), or inputs alone where there is no target.
        with_target: Whether a loss is there to be given one.
        device: Where the model is.
        seed: Of what is drawn.

    Raises:
        BadData: There is no row.
        BadValue: A batch is nothing a model can be called with.
    """
    size = None
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        _refuse_empty(data)
        order = torch.Generator().manual_seed(seed)
        data = DataLoader(data, batch_size=_ASKED, shuffle=True, generator=order)
    elif isinstance(data, DataLoader):
        size = data.batch_size
    batches = isinstance(data, list) and bool(data) and all(isinstance(one, tuple | list | Mapping) for one in data)
    if not batches and (isinstance(data, Tensor | Mapping | list | tuple) or not hasattr(data, "__iter__")):
        rows = _rows(data, with_target, device)
        return Gathered(_drawn(rows, seed), size)
    return Gathered(_joined(list(_batches(data, with_target, device))), size)


def _refuse_empty(data: Any) -> None:
    if hasattr(data, "__len__") and len(data) == 0:
        raise BadData(f"{OWNER}: the data set is empty.")


def _rows(batch: Any, with_target: bool, device: torch.device) -> Rows:
    parts = split_batch(OWNER, batch, with_target=with_target)

    def moved(leaf: Any) -> Any:
        if hasattr(leaf, "__array__") and not isinstance(leaf, Tensor):
            leaf = torch.as_tensor(leaf)
        return leaf.detach().to(device) if isinstance(leaf, Tensor) else leaf

    return Rows.of(*pytree.tree_map(moved, parts))


def _batches(loader: Any, with_target: bool, device: torch.device) -> Iterator[Rows]:
    count = 0
    for batch in loader:
        rows = _rows(batch, with_target, device)
        yield rows
        count += rows.count
        if count >= MOST:
            return


def _drawn(rows: Rows, seed: int) -> Rows:
    """At most `MOST` of the rows, in the order of chance: data are often sorted."""
    if not rows.apart or rows.count < 2:
        return rows
    order = torch.randperm(rows.count, generator=torch.Generator().manual_seed(seed))
    return rows.take(order[:MOST])


def _joined(batches: list[Rows]) -> Rows:
    """Batches as one; those whose tensors have other shapes than the first's are left out."""
    if not batches:
        raise BadData(f"{OWNER}: the loader gave no batch.")
    first = batches[0]
    if not first.apart:
        return first
    alike = [one for one in batches if one.apart and _form(one) == _form(first)]
    leaves = [pytree.tree_leaves((one.args, one.kwargs, one.target)) for one in alike]
    _, spec = pytree.tree_flatten((first.args, first.kwargs, first.target))
    whole = [
        torch.cat(parts) if isinstance(parts[0], Tensor) and parts[0].dim() else parts[0]
        for parts in zip(*leaves, strict=True)
    ]
    args, kwargs, target = pytree.tree_unflatten(whole, spec)
    return Rows.of(args, kwargs, target).first(MOST)


def _form(rows: Rows) -> list[tuple[int, ...]]:
    return [tuple(tensor.shape[1:]) for tensor in _tensors((rows.args, rows.kwargs, rows.target))]


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, Tensor)]
