"""Copies in float64 that the check may bend as it likes; nothing of the caller's is touched."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ravine.core.errors import BadValue

T = TypeVar("T")


def doubled(tensor: Tensor) -> Tensor:
    """`tensor` in float64 or complex128; integers and truth values as they are."""
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.to(torch.float64) if tensor.is_floating_point() else tensor


def double_tree(tree: Any) -> Any:
    """A copy of a nest of tensors and arrays, in double precision, cut from any graph."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = torch.as_tensor(leaf)
        return doubled(leaf.detach()).clone() if isinstance(leaf, Tensor) else leaf

    return pytree.tree_map(one, tree)


def double_copy(owner: str, original: T) -> T:
    """A deep copy of a module, or of a loss, with parameters, buffers and plain tensors in double precision.

    Ties between parameters stay; generators of random numbers go on from the same state on their own.

    Raises:
        BadValue: It cannot be copied, or has parameters without values yet.
    """
    if not isinstance(original, nn.Module):
        return original
    made = exact_copy(owner, original)
    _double(made)
    return made


def exact_copy(owner: str, original: T) -> T:
    """A deep copy of a module, or of a tuple of things that belong together, such as a model and its optimizer.

    Raises:
        BadValue: It cannot be copied, or has parameters without values yet.
    """
    memo: dict[int, Any] = {}
    parts = original if isinstance(original, tuple) else (original,)
    for module in (inner for part in parts if isinstance(part, nn.Module) for inner in part.modules()):
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and not value.is_leaf:  # deepcopy refuses what belongs to a graph
                memo[id(value)] = value.detach().clone()
            elif isinstance(value, torch.Generator):
                memo[id(value)] = value.clone_state()
            elif name == "_parameters" and any(map(_valueless, value.values())):
                raise BadValue(f"{owner}: {type(module).__name__} has no shapes yet. Run the model on a batch first.")
    try:
        return copy.deepcopy(original, memo)
    except Exception as error:
        kind = type(parts[0]).__name__
        raise BadValue(f"{owner}: the {kind} cannot be copied ({type(error).__name__}: {error}).") from error


def plain_tensors(module: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """Tensors that modules hold as mere attributes: neither parameters nor buffers."""
    for inner in module.modules():
        for name, value in vars(inner).items():
            if isinstance(value, Tensor):
                yield inner, name, value


def generators(module: nn.Module) -> list[torch.Generator]:
    """Generators of random numbers that modules hold as attributes."""
    held = (value for inner in module.modules() for value in vars(inner).values())
    found = {id(value): value for value in held if isinstance(value, torch.Generator)}
    return list(found.values())


def float_leaves(tree: Any) -> list[Tensor]:
    """The tensors of a nest that can have a gradient."""
    return [t for t in pytree.tree_leaves(tree) if isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())]


def split_batch(
    owner: str, batch: Any, *, with_target: bool
) -> tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]:
    """What the model is called with, by place and by name, and what the loss gets beside the output.

    Raises:
        BadValue: The batch is nothing a model can be called with.
    """
    target: tuple[Any, ...] = ()
    if isinstance(batch, list | tuple) and with_target:
        if len(batch) < 2:
            raise BadValue(f"{owner}: batch must be (inputs, target); got {len(batch)} of them.")
        *inputs, last = batch
        target = (last,)
        batch = inputs[0] if len(inputs) == 1 else tuple(inputs)
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(batch, Mapping):
        kwargs = dict(batch)
    elif isinstance(batch, Tensor | np.ndarray):
        args = (batch,)
    elif isinstance(batch, list | tuple):
        args = tuple(batch)
    else:
        form = "(inputs, target)" if with_target else "the model's inputs"
        raise BadValue(
            f"{owner}: batch must be {form}: tensors, or tuples or dicts of them; got {type(batch).__name__}."
        )
    tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor | np.ndarray)]
    if not tensors:
        raise BadValue(f"{owner}: batch must hold tensors; there is none in its inputs.")
    if any(0 in tensor.shape[:1] for tensor in tensors):
        raise BadValue(f"{owner}: batch must not be empty; got inputs of shape {tuple(tensors[0].shape)}.")
    return args, kwargs, target


def _double(module: nn.Module) -> None:
    with torch.no_grad():
        module._apply(doubled)  # type: ignore[no-untyped-call]
        for inner, name, value in list(plain_tensors(module)):
            vars(inner)[name] = doubled(value)


def _valueless(parameter: Any) -> bool:
    return isinstance(parameter, nn.UninitializedParameter)
