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
    """Sees layers whose units have equal weights, get equal gradients, and so stay equal.

    Exact: after three steps all rows of the weight are the same and all rows of its gradient are. A layer that begins
    at zero and gets different gradients, as the last one of a residual branch, is none.
    """

    name: ClassVar[str] = "symmetric"

    def __init__(self) -> None:
        self._asked: dict[int, int] = {}

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Look once, at the third step of each optimizer."""
        step = self._asked[id(optimizer)] = self._asked.get(id(optimizer), 0) + 1
        if step != IN_A_ROW:
            return
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        layers = [
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
        if not layers:
            return
        same = torch.stack([_equal_rows(weight) & _equal_rows(gradient) for _, weight, gradient in layers]).tolist()
        names = [scene.name_of(module) for (module, _, _), equal in zip(layers, same, strict=True) if equal]
        if names:
            scene.fact("units-alike", layers=names[:NAMES], count=len(names), of=len(layers))


def _equal_rows(weight: Tensor) -> Tensor:
    """Whether the rows are all the same, up to rounding; a boolean tensor without dimensions."""
    rows = weight.flatten(1)
    return (rows - rows[:1]).abs().amax() <= ROUNDING * rows.abs().amax()
