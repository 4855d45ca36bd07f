"""Every call of every module during one forward and backward pass, kept so that each can be had again alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ravine.optim.gradcheck.copies import float_leaves
from ravine.optim.gradcheck.draws import Draws, Spring
from ravine.optim.gradcheck.problem import Call

_MOST_CALLS = 6  # kept of one module: the first ones and, in the last place, the latest


@dataclass
class Recorded:
    """One call of a module.

    Attributes:
        call: The module with copies of what it was given.
        through: Which of the tensors given, in the order of the nest, a gradient flows back through.
        draws: Random numbers when it began.
        after: Random numbers when it ended.
        output: What it returned, copied and cut from the graph.
        cotangents: For each tensor returned in floating point, the gradient of the loss with respect to it; None
            where none came.
        custom: Custom `torch.autograd.Function` classes that made the output out of the input.
    """

    call: Call
    through: tuple[bool, ...]
    draws: Draws
    after: Draws | None = None
    output: Any = None
    cotangents: list[Tensor | None] = field(default_factory=list)
    custom: tuple[type, ...] = ()


class Calls:
    """What is kept, by module name, in the order of `named_modules()`.

    Args:
        model: Whose modules are watched.
        springs: The sources of random numbers.
    """

    def __init__(self, model: nn.Module, springs: list[Spring]) -> None:
        self.modules = dict(model.named_modules())
        self.calls: dict[str, list[Recorded]] = {name: [] for name in self.modules}
        self._springs = springs
        self._open: list[Recorded] = []
        self._forward = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record inside; recomputation during the backward pass (checkpointing) is not recorded."""
        handles = []
        for name, module in self.modules.items():
            handles += [
                module.register_forward_pre_hook(self._before(), with_kwargs=True),
                module.register_forward_hook(self._after(name)),
            ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def forward_is_over(self) -> None:
        """Nothing that comes now is part of the forward pass."""
        self._forward = False

    def of_root(self) -> Recorded | None:
        """The call of the model itself."""
        return self.calls[""][-1] if self.calls[""] else None

    def _before(self) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not self._forward:
                return
            given = pytree.tree_leaves((args, kwargs))
            copied_args, copied_kwargs = _copied((args, kwargs))
            self._open.append(
                Recorded(
                    Call(module, copied_args, copied_kwargs),
                    tuple(isinstance(one, Tensor) and one.requires_grad for one in given),
                    Draws(self._springs),
                )
            )

        return hook

    def _after(self, name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if not self._forward or not self._open:
                return
            record = self._open.pop()
            record.after = Draws(self._springs)
            record.output = _copied(output)
            leaves = float_leaves(output)
            record.cotangents = [None] * len(leaves)
            record.custom = _custom(leaves, pytree.tree_leaves(args))
            for place, leaf in enumerate(leaves):
                if leaf.requires_grad:
                    leaf.register_hook(_keeper(record, place))  # type: ignore[no-untyped-call]
            kept = self.calls[name]
            if len(kept) == _MOST_CALLS:
                kept.pop()
            kept.append(record)

        return hook


def _keeper(record: Recorded, place: int) -> Callable[[Tensor], None]:
    def keep(gradient: Tensor) -> None:
        record.cotangents[place] = gradient.detach().clone()

    return keep


def _copied(tree: Any) -> Any:
    def one(leaf: Any) -> Any:
        return leaf.detach().clone(memory_format=torch.contiguous_format) if isinstance(leaf, Tensor) else leaf

    return pytree.tree_map(one, tree)


def _custom(outputs: list[Tensor], inputs: list[Any]) -> tuple[type, ...]:
    """Custom Functions between `inputs` and `outputs` in the graph."""
    ends = {one.grad_fn for one in inputs if isinstance(one, Tensor)}
    pending: list[Any] = [one.grad_fn for one in outputs]
    seen: set[Any] = set()
    found: dict[type, None] = {}
    while pending:
        node = pending.pop()
        if node is None or node in seen or node in ends:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            found[type(node)._forward_cls] = None  # type: ignore[attr-defined]
        pending += [earlier for earlier, _ in node.next_functions]
    return tuple(kind for kind in found if not kind.__module__.startswith("torch."))
