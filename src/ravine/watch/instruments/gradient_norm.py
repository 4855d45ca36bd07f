"""The norm of the whole gradient, before clipping."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from ravine.watch.instrument import ClipSeen, Instrument, Scene

EVERY = 8
"""Steps between measurements, beside the sampled ones; clipping tells its norm at every step for nothing."""


class GradientNorm(Instrument):
    """`grad_norm` of the first optimizer's parameters; `clipped`, 1 or 0, at each step that clips by norm."""

    name: ClassVar[str] = "gradient_norm"

    def __init__(self) -> None:
        self._clip_at = -1  # the step whose norm clipping has told

    def clip(self, scene: Scene, seen: ClipSeen) -> None:
        """Take the norm that clipping has computed."""
        if seen.norm is None or (self._clip_at == scene.step):
            return
        self._clip_at = scene.step
        scene.write("step", grad_norm=seen.norm, clipped=(seen.norm > seen.limit).to(torch.float32))

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Measure, where that is due and clipping has not."""
        if scene.turn or self._clip_at == scene.step or not (scene.sampled or scene.step % EVERY == 0):
            return
        norm = global_norm([p.grad for group in optimizer.param_groups for p in group["params"]])
        if norm is not None:
            scene.write("step", grad_norm=norm)


def global_norm(gradients: list[Tensor | None]) -> Tensor | None:
    """Root of the sum of squares over all gradients that are there, in float32, on the first one's device.

    Args:
        gradients: Of any shapes, dtypes and devices; None and sparse ones are left out.
    """
    groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for gradient in gradients:
        if gradient is not None and gradient.layout == torch.strided:
            groups.setdefault((gradient.device, gradient.dtype), []).append(gradient)
    if not groups:
        return None
    first = next(iter(groups))[0]
    norms = [
        norm.to(first, torch.float32, non_blocking=True)
        for (_, dtype), group in groups.items()
        for norm in torch._foreach_norm(group, 2, torch.float32 if dtype in _HALF else None)
    ]
    whole: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return whole


_HALF = (torch.float16, torch.bfloat16)
