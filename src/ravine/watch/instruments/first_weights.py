"""The scale of the weights before the first step."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, Scene

TURNED = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d  # their weights have inputs first
LOOKUPS = (nn.Embedding, nn.EmbeddingBag)
MOST = 256  # layers


class FirstWeights(Instrument):
    """One row of kind "weights" for each optimizer before its first step: `layers` and the `scale` of each.

    The scale is the root mean square of a weight times √fan-in: how many times larger the output of the layer is than
    its input where inputs are independent of each other. Lookups and vectors have none.
    """

    name: ClassVar[str] = "first_weights"

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Measure once for each optimizer."""
        if id(optimizer) in self._seen:
            return
        self._seen.add(id(optimizer))
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        found = [
            (scene.name_of(module), weight.detach(), units)
            for model in scene.models
            for module in model.modules()
            for weight, units in [_matrix_of(module)]
            if weight is not None and id(weight) in own and weight.is_floating_point()
        ][:MOST]
        if not found:
            return
        norms = torch._foreach_norm([weight for _, weight, _ in found])
        scales = [norm.to(norms[0]) / units**0.5 for norm, (_, _, units) in zip(norms, found, strict=True)]
        scene.write("weights", layers=[name for name, _, _ in found], scale=torch.stack(scales).float())


def _matrix_of(module: nn.Module) -> tuple[Tensor | None, int]:
    """What a layer multiplies its input by, and how many numbers that gives at one place: all numbers over fan-in."""
    weight = getattr(module, "weight", getattr(module, "weight_ih_l0", None))
    kernel = getattr(getattr(module, "kernel", None), "value", None)  # of Keras, with inputs first
    if isinstance(weight, Tensor) and weight.dim() > 1 and not isinstance(module, LOOKUPS):
        return weight, weight.shape[1] * module.groups if isinstance(module, TURNED) else weight.shape[0]
    return (kernel, kernel.shape[-1]) if isinstance(kernel, Tensor) and kernel.dim() > 1 else (None, 1)
