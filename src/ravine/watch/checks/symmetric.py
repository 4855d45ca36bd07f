"""Whether the units of a layer differ at all."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.instrument import Scene

ROUNDING = 1e-4  # relative; matrix products of equal rows differ by less
NAMES = 5


class Symmetric(Check):
    """Sees layers whose units begin with equal weights, or have them still and get equal gradients, and so stay equal.

    Exact: before the first step, in half of the layers at least, all rows of the weight are the same and not zero; or
    after three steps they are in any layer, and so are all rows of its gradient. A layer that begins at zero and gets
    different gradients, as the last one of a residual branch, is none. Where dropout or noise tells equal units apart,
    they begin alike all the same.
    """

    name: ClassVar[str] = "symmetric"

    def __init__(self) -> None:
        self._asked: dict[int, int] = {}

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Look at the weights before the first step of each optimizer."""
        if id(optimizer) in self._asked:
            return
        layers = _layers(scene, optimizer)
        if not layers:
            return
        same = torch.stack([_equal_rows(weight) & weight.any() for _, weight, _ in layers]).tolist()
        if 2 * sum(same) >= len(layers):
            _say(scene, "units-begin-alike", layers, same)

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Look once more, at the third step of each optimizer."""
        step = self._asked[id(optimizer)] = self._asked.get(id(optimizer), 0) + 1
        if step != IN_A_ROW:
            return
        layers = _layers(scene, optimizer)
        if not layers:
            return
        same = torch.stack([_equal_rows(weight) & _equal_rows(slope) for _, weight, slope in layers]).tolist()
        _say(scene, "units-alike", layers, same)


def _layers(scene: Scene, optimizer: Optimizer) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """Modules with a matrix that the optimizer owns and that has a gradient, with both; lookups left out."""
    own = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [
        (module, weight.detach(), weight.grad)
        for model in scene.models
        for module in model.modules()
        if not isinstance(module, nn.Embedding | nn.EmbeddingBag)
        and isinstance(weight := getattr(module, "weight", None), Tensor)
        and id(weight) in own
        and weight.dim() >= 2
        and weight.shape[0] > 1
        and weight.grad is not None
        and not weight.grad.is_sparse
    ]


def _say(scene: Scene, fact: str, layers: list[tuple[nn.Module, Tensor, Tensor]], which: list[bool]) -> None:
    names = [scene.name_of(module) for (module, _, _), so in zip(layers, which, strict=True) if so]
    if names:
        scene.fact(fact, layers=names[:NAMES], count=len(names), of=len(layers))


def _equal_rows(weight: Tensor) -> Tensor:
    """Whether the rows are all the same, up to rounding; a boolean tensor without dimensions."""
    rows = weight.flatten(1)
    return (rows - rows[:1]).abs().amax() <= ROUNDING * rows.abs().amax()
