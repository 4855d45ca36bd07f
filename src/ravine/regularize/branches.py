"""Where the residual branches of a network are: x + f(x), found in the code of its blocks."""

from __future__ import annotations

import copy
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import fx, nn

from ravine.regularize.outputs import CONVOLUTIONS

_SUMS = (operator.add, operator.iadd, torch.add)
_SUM_METHODS = ("add", "add_")
_PRODUCTS = (operator.mul, operator.imul, torch.mul)


@dataclass(frozen=True, slots=True)
class Branch:
    """One residual branch of a block.

    Attributes:
        end: Name in the block of the module whose output, perhaps scaled, is added to the straight way.
        rows: The dimension of that output along which the rows of a batch lie.
        total: Name of the sum in the block's graph; "" where there is no graph.
        side: Which of the two terms of the sum the branch is.
    """

    end: str
    rows: int = 0
    total: str = ""
    side: int = 0


def branches(block: nn.Module) -> list[Branch]:
    """The residual branches that `block` adds up itself, in order; those of its children are theirs.

    Where both terms of a sum pass through layers, as in a block that halves the sides of a picture,
    the longer way is the branch, and must end with a convolution or a normalization.

    Returns: None are found where there is no such sum, or where the code of `block` cannot be read by
        `torch.fx`: branching on values, say.
    """
    if isinstance(block, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        # What is added comes out of these, in either order of norm and sum.
        rows = 0 if block.self_attn.batch_first else 1
        ends = [name for name, _ in block.named_children() if name in ("dropout1", "dropout2", "dropout3")]
        return [Branch(end, rows) for end in ends]
    graph = read(block)
    if graph is None:
        return []
    sums = [node for node in graph.nodes if _is_sum(node)]
    found = (_branch(block, graph, node) for node in sums)
    return [branch for branch in found if branch is not None]


def read(block: nn.Module) -> fx.Graph | None:
    """The code of `block` in training as a graph in which every child is one call; None if it cannot be read."""
    if next(block.children(), None) is None:
        return None
    shown = copy.copy(block)  # what its code may set on itself stays here
    shown.__dict__.pop("forward", None)
    shown.__dict__["training"] = True
    try:
        return _Reader().trace(shown)
    except Exception:  # what the code of any network raises, given values it was not written for
        return None


class _Reader(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Every child is one call."""
        del m, module_qualified_name
        return True


def _is_sum(node: fx.Node) -> bool:
    called = node.op == "call_function" and node.target in _SUMS
    called |= node.op == "call_method" and node.target in _SUM_METHODS
    return called and len(node.args) == 2 and all(isinstance(term, fx.Node) for term in node.args)


def _branch(block: nn.Module, graph: fx.Graph, total: fx.Node) -> Branch | None:
    terms = [term for term in total.args if isinstance(term, fx.Node)]
    ways = [_before(term) for term in terms]
    if not ways[0] & ways[1]:
        return None
    lengths = [_length(block, way - other) for way, other in zip(ways, reversed(ways), strict=True)]
    if lengths[0] == lengths[1]:
        return None
    side = int(lengths[1] > lengths[0])
    straight, branch = terms[1 - side], terms[side]
    end = _end(graph, branch)
    if end is None:
        return None
    if straight not in ways[side] and not _pictures(block.get_submodule(end)):
        return None  # two ways side by side: the linear part of a network, say
    return Branch(end, total=total.name, side=side)


def _before(node: fx.Node) -> set[fx.Node]:
    """Everything of the block's input that `node` depends on, and itself."""
    seen: set[fx.Node] = set()
    open_ = [node]
    while open_:
        at = open_.pop()
        if at not in seen:
            seen.add(at)
            open_ += at.all_input_nodes
    return {at for at in seen if at.op != "get_attr"}


def _length(block: nn.Module, way: set[fx.Node]) -> int:
    """How many weights are multiplied with on the way."""
    modules = [block.get_submodule(str(node.target)) for node in way if node.op == "call_module"]
    return sum(p.ndim > 1 for module in modules for p in module.parameters())


def _end(graph: fx.Graph, node: fx.Node) -> str | None:
    """The last module of a branch that is called once; behind it only scales and modules called again."""
    while True:
        if node.op == "call_module":
            calls = sum(other.op == "call_module" and other.target == node.target for other in graph.nodes)
            if calls == 1:
                return str(node.target)
            node = node.all_input_nodes[0]
        elif _is_scaling(node):
            node = next(at for at in node.all_input_nodes if at.op != "get_attr")
        else:
            return None


def _is_scaling(node: fx.Node) -> bool:
    """Whether `node` is a term times a number or a parameter."""
    moving = [at for at in node.all_input_nodes if at.op != "get_attr"]
    return node.op == "call_function" and node.target in _PRODUCTS and len(moving) == 1


def _pictures(end: nn.Module) -> bool:
    *_, last = end.modules()
    return isinstance(last, (*CONVOLUTIONS, nn.modules.batchnorm._NormBase, nn.GroupNorm))


def shortened(block: nn.Module, left_out: Sequence[Branch]) -> nn.Module | None:
    """`block` in training without these branches: their sum is its straight term, and their code does not run.

    Returns: A module that shares the children of `block`; None when the code cannot be read, or reads
        parameters of the block itself, which may be replaced later on.
    """
    graph = read(block)
    if graph is None or any(node.op == "get_attr" for node in graph.nodes):
        return None
    nodes = {node.name: node for node in graph.nodes}
    for branch in left_out:
        total = nodes[branch.total]
        straight = total.args[1 - branch.side]
        assert isinstance(straight, fx.Node)
        total.replace_all_uses_with(straight)
        graph.erase_node(total)
    graph.eliminate_dead_code(is_impure_node=_stays)
    return fx.GraphModule(block, graph)


def _stays(node: fx.Node) -> bool:
    return node.op in ("placeholder", "output")
