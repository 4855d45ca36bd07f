"""Running statistics of batch norms against those of the batch, and from how many values those come."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.watch.checks.check import IN_A_ROW
from ravine.watch.instrument import Instrument, Scene

MOST_LAYERS = 16


class BatchNorm(Instrument):
    """`mean_drift` and `std_drift` of each batch norm at sampled steps: the batch's against the running ones.

    The mean's in standard deviations of the batch; the deviation's as the logarithm of their ratio, both as the root
    mean square over channels. `values` is the number of values that a channel's statistics come from, `rows` that of
    examples.
    """

    name: ClassVar[str] = "batch_norm"

    def __init__(self) -> None:
        self._step = -1
        self._seen: set[int] = set()
        self._still: dict[int, int] = {}

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Compare, in training mode."""
        if not isinstance(module, _BatchNorm) or not module.training or not scene.sampled:
            return
        if scene.step != self._step:
            self._step = scene.step
            self._seen = set()
        x = inputs[0] if inputs else None
        if id(module) in self._seen or len(self._seen) >= MOST_LAYERS or not isinstance(x, Tensor) or x.dim() < 2:
            return
        self._seen.add(id(module))
        rows = x.shape[0]
        row: dict[str, Any] = {"rows": rows, "values": x.numel() // max(1, x.shape[1])}
        mean, var = module.running_mean, module.running_var
        if mean is not None and var is not None:
            if module.momentum == 0:
                times = self._still[id(module)] = self._still.get(id(module), 0) + 1
                if times == IN_A_ROW:
                    scene.fact("statistics-stand-still", layer=scene.name_of(module), momentum=0.0)
            x = x.detach().float()
            spread, middle = torch.std_mean(x, [place for place in range(x.dim()) if place != 1], correction=0)
            row["mean_drift"] = (((middle - mean) / spread.clamp(min=1e-5)) ** 2).mean().sqrt()
            row["std_drift"] = ((spread.clamp(min=1e-5) / var.float().sqrt().clamp(min=1e-5)).log() ** 2).mean().sqrt()
            row["momentum"] = module.momentum
        scene.write("layer", layer=scene.name_of(module), type=type(module).__name__, **row)
