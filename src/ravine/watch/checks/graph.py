"""Reading the autograd graph: which operation a tensor came from, and what lies between a root and a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

Node = Any  # torch.autograd.graph.Node: its saved tensors are attributes that depend on the operation

RESHAPING = frozenset(
    {
        "ViewBackward0",
        "UnsafeViewBackward0",
        "ReshapeAliasBackward0",
        "SqueezeBackward0",
        "SqueezeBackward1",
        "UnsqueezeBackward0",
        "TransposeBackward0",
        "PermuteBackward0",
        "TBackward0",
        "CloneBackward0",
        "AliasBackward0",
        "SliceBackward0",
        "SelectBackward0",
        "ToCopyBackward0",
        "AsStridedBackward0",
        "ExpandBackward0",
    }
)
"""Operations that rearrange numbers, or change their precision, and leave them what they are."""

LOSSES = frozenset(
    {
        "NllLossBackward0",
        "NllLoss2DBackward0",
        "MseLossBackward0",
        "BinaryCrossEntropyBackward0",
        "BinaryCrossEntropyWithLogitsBackward0",
        "SmoothL1LossBackward0",
        "HuberLossBackward0",
    }
)


def operation(tensor: Tensor) -> str:
    """The operation that computed `tensor`, rearrangements apart: "Softmax"; "" for a leaf or data."""
    node = tensor.grad_fn
    while node is not None and node.name() in RESHAPING:
        node = node.next_functions[0][0]
    return "" if node is None else plain_name(node)


def plain_name(node: Node) -> str:
    """The operation's name, without autograd's ending: "Softmax" of "SoftmaxBackward0"."""
    return str(node.name()).partition("Backward")[0].rpartition("::")[2]


def shape(node: Node) -> tuple[int, ...]:
    """The shape of what `node` computed."""
    return tuple(node._input_metadata[0].shape)


def losses_under(root: Tensor, most: int = 64) -> list[tuple[Node, int, bool]]:
    """Known losses of which `root` is a sum: each with the sign it has there, and whether it is scaled on the way.

    Only sums, differences, multiples, means and rearrangements are followed.
    """
    found: list[tuple[Node, int, bool]] = []
    ahead: list[tuple[Node, int, bool]] = [(root.grad_fn, 1, False)]
    for _ in range(most):
        if not ahead:
            break
        node, sign, scaled = ahead.pop()
        if node is None:
            continue
        name = node.name()
        if name in LOSSES:
            found.append((node, sign, scaled))
            continue
        parents = [parent for parent, _ in node.next_functions]
        if name == "NegBackward0":
            ahead.append((parents[0], -sign, scaled))
        elif name in ("MulBackward0", "DivBackward0"):
            factor = _factor(node)
            if factor:
                ahead.extend((parent, sign if factor > 0 else -sign, True) for parent in parents)
        elif name in ("AddBackward0", "StackBackward0", "CatBackward0"):
            ahead.extend((parent, sign, scaled) for parent in parents)
        elif name == "SubBackward0":
            ahead.append((parents[0], sign, scaled))
            ahead.extend((parent, -sign, scaled) for parent in parents[1:])
        elif name in ("RsubBackward0", "RsubBackward1"):
            ahead.append((parents[0], -sign, scaled))
        elif name.startswith(("Mean", "Sum")) or name in RESHAPING:
            ahead.append((parents[0], sign, scaled or name.startswith("Mean")))
    return found


def nodes_before(root: Tensor, most: int = 20_000) -> Iterator[Node]:
    """Every node of the graph of `root`, those nearest the data first."""
    order: list[Node] = []
    seen: set[Node] = set()
    ahead: list[tuple[Node, bool]] = [(root.grad_fn, False)]
    while ahead and len(seen) < most:
        node, left = ahead.pop()
        if node is None:
            continue
        if left:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            ahead.append((node, True))
            ahead.extend((parent, False) for parent, _ in reversed(node.next_functions))
    return iter(order)


def saved(node: Node) -> dict[str, Tensor]:
    """Tensors that the operation kept for its backward pass, by name; those that can still be had."""
    kept = {}
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                value = getattr(node, name)
            except RuntimeError:  # freed, or changed in place since
                continue
            if isinstance(value, Tensor):
                kept[name.removeprefix("_saved_")] = value
    return kept


def _factor(node: Node) -> float:
    """The number by which `node` multiplies or divides; 0 when it is none."""
    other = getattr(node, "_saved_other", None)
    if not isinstance(other, Tensor) or other.numel() != 1 or other.requires_grad:
        return 0.0
    return float(other)
