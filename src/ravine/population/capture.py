"""A step as a plain list of tensor operations, recorded once: small networks cost little but their bookkeeping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Step = Callable[..., Sequence[Tensor]]

_HOMES = ("torch.nn.", "ravine.models.", "ravine.data.", "ravine.initialize.", "ravine.fit.")


def may_be_captured(network: nn.Module) -> bool:
    """Whether all that `network` does is seen in tensors: layers of torch's and Ravine's own, without hooks.

    Somebody's own forward may draw from Python's generator or count its calls, which a recording would freeze.
    """
    return all(
        type(layer).__module__.startswith(_HOMES)
        and not layer._forward_hooks
        and not layer._forward_pre_hooks
        and not hasattr(layer, "parametrizations")
        for layer in network.modules()
    )


def capture(step: Step, tensors: Sequence[Tensor]) -> Step | None:
    """The operations of `step` on tensors of these forms, without what only serves autograd and `vmap`.

    What is recorded draws from the same generators and writes into the same tensors as `step` would.

    Args:
        step: Tensors → tensors; takes gradients inside.
        tensors: What it is called with, of shapes and strides that calls will have; neither they nor any generator
            is changed.

    Returns: The same step, faster; None where torch cannot record it.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    devices = [tensors[0].device] if tensors[0].device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            recorded = make_fx(step)(*map(_copied, tensors))
    except Exception:  # whatever the recorder meets, the step itself still works
        return None
    _strip(recorded.graph)
    recorded.recompile()

    def run(*given: Tensor) -> Sequence[Tensor]:
        with torch.no_grad():
            found: Sequence[Tensor] = recorded(*given)
        return found

    return run


def _copied(tensor: Tensor) -> Tensor:
    """A copy with the same strides, by which torch chooses between views and copies."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _strip(graph: torch.fx.Graph) -> None:
    """Take out detaching, views of what has their shape already, and factors of 1."""
    aten: Any = torch.ops.aten
    views = {aten.view.default, aten._unsafe_view.default, aten.expand.default}
    # A product by 1 is also a copy, which matters where something is written in place.
    pure = not any(getattr(getattr(node.target, "_schema", None), "is_mutable", False) for node in graph.nodes)
    for node in list(graph.nodes):
        viewed = node.target in views and _shape(node) == _shape(node.args[0])
        once = pure and node.target is aten.mul.Scalar and node.args[1] == 1
        if node.target is aten.detach.default or viewed or once:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    graph.lint()


def _shape(node: Any) -> Any:
    meta = node.meta.get("tensor_meta")
    value = node.meta.get("val")
    known = value if isinstance(value, Tensor) else meta
    return tuple(known.shape) if known is not None else node
