"""Nested states as tensors by name and a JSON skeleton, and back: what a checkpoint is made of.

A state dict may nest dicts, lists, tuples, numbers, text, bytes, None and tensors. Tensors go into a
flat table that safetensors can hold; everything else stays in a skeleton that JSON can hold.
Nothing is pickled, so nothing can run when a file is read.
"""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import BadRun

_MARK = "~"  # a one-key dict {"~": kind, …} in the skeleton stands for what JSON lacks


def flatten(tree: Any) -> tuple[Any, dict[str, Tensor]]:
    """(skeleton in JSON's own types, tensors by name) of a nested state.

    >>> flatten({"step": 3, 0: (1.5, None)})[0]  # doctest: +NORMALIZE_WHITESPACE
    {'~': 'dict', 'items': [['step', 3], [0, {'~': 'tuple', 'items': [1.5, None]}]]}
    """
    tensors: dict[str, Tensor] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, Tensor):
            name = f"t{len(tensors)}"
            # Contiguous copies: safetensors refuses tensors that share memory.
            tensors[name] = node.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {_MARK: "tensor", "name": name}
        if node is None or isinstance(node, str | bool | int):
            return node
        if isinstance(node, float):
            return node if node == node and abs(node) != float("inf") else {_MARK: "float", "text": str(node)}
        if isinstance(node, bytes):
            return {_MARK: "bytes", "base64": base64.b64encode(node).decode()}
        if isinstance(node, dict):
            if all(isinstance(key, str) and key != _MARK for key in node) and node:
                return {key: walk(value) for key, value in node.items()}
            return {_MARK: "dict", "items": [[walk(key), walk(value)] for key, value in node.items()]}
        if isinstance(node, tuple):
            return {_MARK: "tuple", "items": [walk(item) for item in node]}
        if isinstance(node, list):
            return [walk(item) for item in node]
        raise BadRun(
            f"checkpoint: a {type(node).__name__} cannot be kept; hold tensors, numbers, text and their nests."
        )

    return walk(tree), tensors


def unflatten(skeleton: Any, tensors: dict[str, Tensor]) -> Any:
    """The nested state that `flatten` took apart."""
    if isinstance(skeleton, list):
        return [unflatten(item, tensors) for item in skeleton]
    if not isinstance(skeleton, dict):
        return skeleton
    match skeleton.get(_MARK):
        case None:
            return {key: unflatten(value, tensors) for key, value in skeleton.items()}
        case "tensor":
            return tensors[skeleton["name"]]
        case "float":
            return float(skeleton["text"])
        case "bytes":
            return base64.b64decode(skeleton["base64"])
        case "tuple":
            return tuple(unflatten(item, tensors) for item in skeleton["items"])
        case "dict":
            return {unflatten(key, tensors): unflatten(value, tensors) for key, value in skeleton["items"]}
        case kind:
            raise BadRun(f"checkpoint: unknown mark {kind!r}; was it written by a newer version of Ravine?")
