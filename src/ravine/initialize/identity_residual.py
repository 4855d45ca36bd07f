"""Residual branches that begin at nothing, so that a block begins as its straight way alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue
from ravine.initialize.running import Batch, called, first_tensor, untouched

Node = Any
"""A step of autograd's graph."""


def identity_residual(model: nn.Module, batch: Batch) -> list[str]:
    """Set the last weight or scale of each residual branch f of `model` to 0: x + f(x) begins as x.

    The branches are read off autograd's graph of one pass on `batch`: wherever two things are
    added of which one is made from the other, the first is a branch. Where the straight way has
    layers of its own (another width, a stride), the branch is the side with more of them. The layer
    nearest to the sum then gets 0: the scale and shift of a normalization, the weight and bias of a
    linear or convolution layer. Below it nothing changes: the first step moves that layer, and the
    branch grows from there. What the network calls its `head` is never set to 0.

    Args:
        model: Any network that runs eagerly; changed in place. Buffers and random state stay.
        batch: A few prepared rows.

    Returns: Names of the parameters that are 0 now, in the network's order.

    Raises:
        BadValue: No branch is found, or nothing can be set to 0 at the end of one (a product of two
            paths, a weight that is computed).
    Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 5.1; Zhang
        et al. 2019, "Fixup Initialization", arXiv:1901.09321, for linear and convolution layers.
    """
    with untouched(model), torch.enable_grad():
        output = first_tensor(called("identity_residual", model, _followed(batch)))
        if output is None or output.grad_fn is None:
            raise BadValue(f"identity_residual: no gradient passes through the {type(model).__name__}.")
        names = {id(value): name for name, value in model.named_parameters()}
        graph = _Graph(output.grad_fn, set(names))
        zeroed = {id(value): value for branch in graph.branches() for value in graph.end(branch)}
    head = getattr(model, "head", None)
    for own in head.parameters() if isinstance(head, nn.Module) else ():
        zeroed.pop(id(own), None)  # MLP adds a straight way to its answer: that is no block
    if not zeroed:
        raise BadValue(
            f"identity_residual: no residual branch that ends in a layer was found in the {type(model).__name__}."
        )
    with torch.no_grad():
        for value in zeroed.values():
            value.zero_()
    return [name for key, name in names.items() if key in zeroed]


def _followed(batch: Any) -> Any:
    """`batch` as something that autograd's graph begins at: what is added to the input is added to something."""
    if isinstance(batch, Tensor):
        return batch.detach().requires_grad_() * 1 if batch.is_floating_point() else batch
    if isinstance(batch, Mapping):
        return {name: _followed(field) for name, field in batch.items()}
    return tuple(map(_followed, batch)) if isinstance(batch, tuple | list) else batch


class _Graph:
    """Autograd's graph of a pass, each step with the steps whose output it reads."""

    def __init__(self, root: Node, parameters: set[int]) -> None:
        self.parameters = parameters
        self.place: dict[Node, int] = {}  # in an order in which a step comes after all that it reads
        self.below: dict[Node, int] = {}  # all that a step depends on, a bit for each by its place
        self.weights: dict[Node, frozenset[int]] = {}  # the parameters among them
        self.computed = 0  # bits of the steps that a layer had a part in
        for node in _ordered(root):
            bits, weights = 0, frozenset[int]()
            for other in _reads(node):
                bits |= self.below[other] | 1 << self.place[other]
                weights |= self.weights[other]
            own = id(getattr(node, "variable", None))
            self.weights[node] = weights | {own} if own in parameters else weights
            self.below[node] = bits
            self.place[node] = len(self.place)
            if self.weights[node] and not self._is_weight(node):
                self.computed |= 1 << self.place[node]

    def branches(self) -> Iterator[Node]:
        """What is added to the thing it was made from."""
        for node in self.place:
            sides = [side for side in _reads(node) if not self._is_weight(side)]
            if not node.name().startswith("AddBackward") or len(sides) != 2:
                continue
            a, b = sides
            if self.below[a] >> self.place[b] & 1:
                yield a
            elif self.below[b] >> self.place[a] & 1:
                yield b
            elif self.below[a] & self.below[b] & self.computed and len(self.weights[a]) != len(self.weights[b]):
                yield max(sides, key=lambda side: len(self.weights[side]))

    def end(self, node: Node) -> list[Tensor]:
        """The parameters of the last layer of a branch; none where it does not end in one."""
        while True:
            below = _reads(node)
            own = [value for side in below if (value := self._weight(side)) is not None]
            if own:
                return own
            data = [side for side in below if not self._is_weight(side)]
            if len(data) != 1:
                return []
            node = data[0]

    def _is_weight(self, node: Node) -> bool:
        """Whether a step gives a parameter, or what is made of one alone without a layer's work: its transpose."""
        return self._weight(node) is not None

    def _weight(self, node: Node) -> Tensor | None:
        while not hasattr(node, "variable"):
            below = _reads(node)
            if len(below) != 1 or not node.name().startswith(("TBackward", "TransposeBackward", "ViewBackward")):
                return None
            node = below[0]
        found: Tensor = node.variable
        return found if id(found) in self.parameters else None


def _ordered(root: Node) -> Iterator[Node]:
    """Every step below `root`, each after all that it reads."""
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, read = stack.pop()
        if read:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((below, False) for below in _reads(node))


def _reads(node: Node) -> list[Node]:
    return [below for below, _ in node.next_functions if below is not None]
