"""The answer in what a model returns: logits or predictions, whatever stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree


def answer_of(outputs: Any) -> Tensor | None:
    """The tensor that the loss is about: the one named logits, else the first in floating point with examples.

    >>> import torch
    >>> answer_of((torch.zeros(()), torch.zeros(4, 3))).shape
    torch.Size([4, 3])
    """
    if isinstance(outputs, Tensor):
        return outputs if outputs.is_floating_point() else None
    named = outputs.get("logits") if isinstance(outputs, Mapping) else getattr(outputs, "logits", None)
    if isinstance(named, Tensor):
        return named
    leaves = pytree.tree_leaves(dict(outputs) if isinstance(outputs, Mapping) else outputs)
    tensors = (leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point())
    return next((tensor for tensor in tensors if tensor.dim()), None)


def with_answer(outputs: Any) -> Callable[[Tensor], Any]:
    """A way to say `outputs` with another answer in its place."""
    answer = answer_of(outputs)
    flat, spec = pytree.tree_flatten(outputs)

    def said(other: Tensor) -> Any:
        return pytree.tree_unflatten([other if leaf is answer else leaf for leaf in flat], spec)

    return said
