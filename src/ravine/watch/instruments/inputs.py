"""Statistics of inputs and targets, of training and evaluation."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ravine.watch.instrument import Instrument, LossSeen, Scene
from ravine.watch.instruments.units import moments

COLUMNS = 4096
CLASSES = 1000
COUNTED = 64  # rows with counts of labels


class Inputs(Instrument):
    """One row of kind "input" for each batch that a model is given at sampled steps and in evaluation.

    `widest` and `typical` are the largest and the middle one of the standard deviations of a table's columns.
    """

    name: ClassVar[str] = "inputs"

    def __init__(self) -> None:
        self._pending: dict[str, Any] | None = None
        self._counted = 0

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Measure what a root is given."""
        if module not in scene.models:
            return
        self._write(scene)
        x = inputs[0] if inputs else None
        learns = isinstance(output, Tensor) and output.requires_grad
        if not isinstance(x, Tensor) or not x.is_floating_point() or x.dim() < 2 or x.requires_grad:
            return
        mean, spread = moments(x)
        self._pending = {
            "part": "train" if learns else "val",
            "rows": x.shape[0],
            "mean": mean,
            "std": spread,
            "least": x.amin().float(),
            "most": x.amax().float(),
            "nonfinite": (~torch.isfinite(x)).sum(),
        }
        if x.dim() == 2 and x.shape[0] > 2 and x.shape[1] <= COLUMNS:
            spreads = x.float().std(0)
            self._pending |= {"widest": spreads.amax(), "typical": spreads.median()}
        weights = (getattr(leaf, "weight", None) for leaf in module.modules())
        first = next((weight for weight in weights if isinstance(weight, Tensor)), None)
        self._pending["normalized"] = first is not None and first.dim() == 1

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Measure the targets, and the outputs beside them."""
        pending, targets = self._pending, seen.targets
        if pending is None or targets is None or (pending["part"] == "train") != seen.with_gradient:
            return
        if targets.is_floating_point():
            mean, spread = moments(targets)
            pending |= {
                "target_mean": mean,
                "target_std": spread,
                "target_least": targets.amin().float(),
                "target_most": targets.amax().float(),
                "target_nonfinite": (~torch.isfinite(targets)).sum(),
            }
            if seen.outputs is not None:
                mean, spread = moments(seen.outputs.detach())
                pending |= {"output_mean": mean, "output_std": spread}
        elif targets.dim() == 1 and seen.outputs is not None and seen.outputs.dim() == 2 and self._counted < COUNTED:
            classes = seen.outputs.shape[1]
            counted = targets[(targets >= 0) & (targets < classes)] if classes <= CLASSES else targets[:0]
            if counted.numel():
                self._counted += 1
                pending["label_counts"] = torch.bincount(counted, minlength=classes)
        self._write(scene)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """No more comes for this batch."""
        self._write(scene)

    def end(self, scene: Scene) -> None:
        """Write what waits."""
        self._write(scene)

    def _write(self, scene: Scene) -> None:
        if self._pending is not None:
            scene.write("input", **self._pending)
            self._pending = None
