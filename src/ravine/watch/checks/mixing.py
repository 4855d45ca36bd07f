"""Whether the answer to one example depends on the others in its batch."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ravine.watch.checks.alone import alone, can_be_alone, differ
from ravine.watch.checks.check import Check
from ravine.watch.instrument import Scene

STEPS = (1, 2)
FEWEST = 3


class Mixing(Check):
    """Sees models that mix examples, by giving one the same example among others.

    Exact: in evaluation mode, with the same random numbers, the first two rows' outputs change when the other rows
    do. Asked once, of models with one tensor in and one out and a row for each example in both, and not of a model
    that sees the same batch at each step: a graph's nodes may depend on each other.
    """

    name: ClassVar[str] = "mixing"

    def __init__(self) -> None:
        self._before: float | None = None
        self._done = False

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Ask, at the second of the first steps."""
        if self._done or scene.step > STEPS[-1] or scene.step not in STEPS or module not in scene.models:
            return
        x = inputs[0] if len(inputs) == 1 else None
        if not (isinstance(x, Tensor) and isinstance(output, Tensor) and module.training and output.requires_grad):
            return
        if x.dim() < 2 or output.dim() < 1 or x.shape[0] < FEWEST or output.shape[0] != x.shape[0]:
            return
        mark = float(x.double().mean())
        if self._before is None or mark == self._before:
            self._before = mark
            return
        self._done = True
        if can_be_alone():
            self._ask(scene, module, x)

    def _ask(self, scene: Scene, model: nn.Module, x: Tensor) -> None:
        others = torch.cat([x[:2], x[1:2].expand(x.shape[0] - 2, *x.shape[1:])])
        if torch.equal(others, x):
            return
        with alone(model) as call, _Leaves(model) as leaves:
            first, seen = call(x), leaves.taken()
            again = call(x)
            leaves.taken()
            changed, then = call(others), leaves.taken()
        if differ(first[:2], again[:2]) or not differ(first[:2], changed[:2]):
            return
        scene.fact("examples-mix", model=type(model).__name__, layer=_first_mixed(scene, seen, then, x.shape[0]))


class _Leaves:
    """What layers compute while it is entered, with hooks of its own."""

    def __init__(self, model: nn.Module) -> None:
        self._modules = [module for module in model.modules() if not module._modules]
        self._outputs: list[tuple[nn.Module, Tensor]] = []
        self._handles: list[Any] = []

    def __enter__(self) -> _Leaves:
        self._handles = [module.register_forward_hook(self._take) for module in self._modules]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def taken(self) -> list[tuple[nn.Module, Tensor]]:
        """What there is since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _take(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        one = output[0] if isinstance(output, tuple) and output else output
        if isinstance(one, Tensor) and one.is_floating_point():
            self._outputs.append((module, one))


def _first_mixed(
    scene: Scene, seen: list[tuple[nn.Module, Tensor]], then: list[tuple[nn.Module, Tensor]], rows: int
) -> str:
    """The first layer that has no row for each example, or whose first two rows have changed."""
    for (module, one), (_, other) in zip(seen, then, strict=False):
        if one.dim() < 2 or one.shape != other.shape or one.shape[0] != rows or differ(one[:2], other[:2]):
            return scene.name_of(module)
    return ""
