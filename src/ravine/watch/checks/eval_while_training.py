"""Whether the model is in training mode when it learns."""

from __future__ import annotations

from typing import ClassVar

from torch import nn
from torch.optim import Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.checks.modes import modal_layers
from ravine.watch.instrument import Scene
from ravine.watch.place import place_of_call

SPAN = 20  # optimizer steps from the first to the last sample in evaluation mode


class EvalWhileTraining(Check):
    """Sees steps taken while the whole model is in evaluation mode, and has layers to which that makes a difference.

    Exact: the root's own flag, at every sampled step of at least twenty. Batch norm set to evaluate on its own, in a
    model that trains, is a way to freeze it.
    """

    name: ClassVar[str] = "eval-while-training"

    def __init__(self) -> None:
        self._since: dict[int, tuple[int, int]] = {}  # by optimizer: first step of the row, samples in it
        self._eval_called = ("", 0)
        self._told = False

    def mode(self, scene: Scene, module: nn.Module, training: bool) -> None:
        """Note where evaluation began."""
        if not training and module in scene.models:
            self._eval_called = (place_of_call(), scene.step)

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Look at the mode."""
        if not scene.sampled or self._told:
            return
        key = id(optimizer)
        layers = _asleep(scene, optimizer)
        if not layers:
            self._since.pop(key, None)
            return
        first, times = self._since.get(key, (scene.step, 0))
        self._since[key] = (first, times + 1)
        if times + 1 >= IN_A_ROW and scene.step - first >= SPAN:
            self._told = True
            place, step = self._eval_called
            scene.fact("trains-in-eval-mode", layers=layers[:3], since=first, eval_place=place, eval_step=step)


def _asleep(scene: Scene, optimizer: Optimizer) -> list[str]:
    """Dropout and batch norm in evaluation mode, in a root in evaluation mode that this optimizer trains."""
    own = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for model in scene.models:
        if not model.training and any(id(p) in own for p in model.parameters()):
            return [f"{scene.name_of(m)} ({type(m).__name__})" for m in modal_layers(model) if not m.training]
    return []
