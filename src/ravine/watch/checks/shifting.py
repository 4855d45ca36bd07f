"""Whether a model of sequences is asked what comes next, and cannot look there."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ravine.watch.checks.alone import alone, can_be_alone, differ
from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.instrument import LossSeen, Scene

FEWEST = 4  # positions
STEP = 2


class Shifting(Check):
    """Sees next-step models that are shown what they are asked: targets not shifted, or no causal mask.

    Exact: every target is the very token at its own place of the input; or targets are the input one place on, and
    the answer at earlier places changes when the last token alone is changed.
    """

    name: ClassVar[str] = "shifting"

    def __init__(self) -> None:
        self._same = 0
        self._asked = False
        self._called: tuple[nn.Module, Tensor, int] | None = None  # model, sequences, where time is in its answer

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Hold the sequences until their loss."""
        self._called = None
        x = inputs[0] if inputs else None
        if not isinstance(x, Tensor) or not isinstance(output, Tensor) or module not in scene.models:
            return
        if scene.sampled and output.requires_grad and x.dim() >= 2 and x.shape[1] >= FEWEST and output.dim() == 3:
            axis = next((axis for axis in (1, 2) if output.shape[axis] == x.shape[1]), None)
            if axis is not None and output.shape[0] == x.shape[0]:
                self._called = (module, x, axis)

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Compare targets and input."""
        called, self._called = self._called, None
        if called is None or seen.targets is None or not seen.with_gradient:
            return
        model, x, axis = called
        if seen.targets.numel() != x.numel() or seen.targets.dtype != x.dtype:
            return
        targets = seen.targets.reshape(x.shape)
        if not x.is_floating_point() and x.dim() == 2:
            counted = targets != seen.options.get("ignore_index", -100)
            same = bool((counted.float().mean() > 0.5) & (targets == x)[counted].all())
            self._same = self._same + 1 if same and bool((x != x[:, :1]).any()) else 0
            if self._same == IN_A_ROW:
                scene.fact("targets-are-inputs", place=seen.place)
        if not self._asked and scene.step >= STEP and torch.equal(targets[:, :-1], x[:, 1:]):
            self._asked = True
            if len(model._forward_pre_hooks) == 0 and can_be_alone():
                self._look_ahead(scene, model, x, axis)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Hold nothing any longer."""
        self._called = None

    def _look_ahead(self, scene: Scene, model: nn.Module, x: Tensor, axis: int) -> None:
        changed = x.clone()
        changed[:, -1] = x[:, 0] if bool((x[:, 0] != x[:, -1]).any()) else x[:, x.shape[1] // 2]
        if torch.equal(changed, x):
            return
        with alone(model) as call:
            first, again, then = (call(given).movedim(axis, 1) for given in (x, x, changed))
        early = slice(None), slice(None, -1)
        if not differ(first[early], again[early]) and differ(first[early], then[early]):
            moved = (first - then)[early].abs().amax(dim=(0, 2)) > 1e-4 * first.abs().max()
            scene.fact("sees-the-future", model=type(model).__name__, positions=int(moved.sum()), of=x.shape[1] - 1)
