"""A compiled step in two parts: what concerns the numbers of the step alone, and the loop over elements.

The compiler would fuse both, and then work out 1 − β₂, widen and narrow it again for every few
elements, since nothing tells it that a store to the parameter leaves the numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx


class Parts(NamedTuple):
    """A graph, cut."""

    prelude: Callable[..., Sequence[Tensor]]  # the numbers → what the loop reads of them
    loop: fx.GraphModule  # takes the inputs at `kept`, then what the prelude gives
    numbers: list[int]  # places of the zero-dimensional inputs among the inputs of the whole
    kept: list[int]  # places of the others
    examples: list[Any]  # of the inputs of the loop


def cut(whole: fx.GraphModule, examples: Sequence[Any], dtype: torch.dtype) -> Parts:
    """Cut a graph of tensor operations where numbers meet elements.

    Args:
        whole: As the compiler's front hands it on: functional but for copies into inputs at the end.
        examples: Its inputs, as fakes.
        dtype: What numbers are rounded to before they meet elements, as the operations would do.
    """
    placeholders = [node for node in whole.graph.nodes if node.op == "placeholder"]
    numbers = [place for place, example in enumerate(examples) if isinstance(example, Tensor) and example.ndim == 0]
    kept = [place for place in range(len(placeholders)) if place not in numbers]
    early = {placeholders[place] for place in numbers}
    for node in whole.graph.nodes:
        if node.op == "call_function" and all(source in early for source in node.all_input_nodes):
            value = node.meta.get("val")
            if isinstance(value, Tensor) and value.ndim == 0:
                early.add(node)
    edge = [node for node in whole.graph.nodes if node in early and any(user not in early for user in node.users)]
    loop, passed = _loop(whole, [placeholders[place] for place in kept], early, edge, dtype)
    prelude = _prelude(whole, [placeholders[place] for place in numbers], early, edge, dtype)
    return Parts(prelude, loop, numbers, kept, [*(examples[place] for place in kept), *passed])


def _prelude(
    whole: fx.GraphModule, inputs: list[fx.Node], early: set[fx.Node], edge: list[fx.Node], dtype: torch.dtype
) -> fx.GraphModule:
    graph, copies = fx.Graph(), {}
    for node in inputs:
        copies[node] = graph.placeholder(node.name)
    for node in whole.graph.nodes:
        if node in early and node not in copies:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output([_rounded(graph, copies[node], _narrow(node.meta["val"], dtype)) for node in edge])
    return fx.GraphModule(whole, graph)


def _rounded(graph: fx.Graph, node: fx.Node, dtype: torch.dtype | None) -> fx.Node:
    return node if dtype is None else graph.call_function(torch.ops.aten._to_copy.default, (node,), {"dtype": dtype})


def _narrow(value: Tensor, dtype: torch.dtype) -> torch.dtype | None:
    """What `value` is rounded to; None where it already is, or is no fraction."""
    return dtype if value.is_floating_point() and value.dtype is not dtype else None


def _loop(
    whole: fx.GraphModule, inputs: list[fx.Node], early: set[fx.Node], edge: list[fx.Node], dtype: torch.dtype
) -> tuple[fx.GraphModule, list[Tensor]]:
    graph, copies, passed = fx.Graph(), {}, []
    for node in inputs:
        copies[node] = graph.node_copy(node)
    for node in edge:
        value = node.meta["val"]
        narrow = _narrow(value, dtype)
        value = value if narrow is None else value.to(narrow)
        copies[node] = graph.placeholder(f"{node.name}_passed")
        copies[node].meta["val"] = value
        passed.append(value)
    for node in _reads_first([node for node in whole.graph.nodes if node not in early and node not in copies]):
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.lint()
    return fx.GraphModule(whole, graph), passed


def _reads_first(nodes: list[fx.Node]) -> list[fx.Node]:
    """The nodes, with copies of an input as it came in before the copy into that input.

    A rule that remembers the parameter asks for both; the compiler's front writes them down in the order of the
    inputs, and what is remembered would be the parameter after the step.
    """
    copies = [node for node in nodes if node.target is torch.ops.aten.copy_.default]
    waiting, ordered = list(copies), []
    while waiting:
        read = {node.args[1] for node in waiting}
        ready = [node for node in waiting if node.args[0] not in read - {node.args[1]}]
        if not ready:
            raise RuntimeError("inputs that change places cannot be compiled")
        ordered += ready
        waiting = [node for node in waiting if node not in ready]
    first = next((place for place, node in enumerate(nodes) if node in copies), len(nodes))
    rest = [node for node in nodes[first:] if node not in copies]
    return [
        *nodes[:first],
        *(node for node in rest if node.op != "output"),
        *ordered,
        *(n for n in rest if n.op == "output"),
    ]
