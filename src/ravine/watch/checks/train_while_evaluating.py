"""Whether the model is in evaluation mode when it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.checks.modes import modal_layers
from ravine.watch.instrument import LossSeen, Scene
from ravine.watch.place import place_of_call


@dataclass(slots=True)
class _Judged:
    """One judgement without gradients: what was judged, and where."""

    outputs: tuple[int, tuple[int, ...]]
    place: str


class TrainWhileEvaluating(Check):
    """Sees losses without gradients of a model in training mode, with dropout that drops or batch norm that learns.

    Exact: the model's own flag, at a loss that no gradient belongs to, of outputs that are not the ones it is trained
    on in that step. Several models, of which one may serve another, are not asked. Where an evaluation only counts
    hits, there is no loss: then passes without gradients over batches of a DataLoader tell, three in a row with no
    backward pass between them.
    """

    name: ClassVar[str] = "train-while-evaluating"

    def __init__(self) -> None:
        self._waiting: list[_Judged] = []
        self._trained_on: tuple[int, tuple[int, ...]] | None = None
        self._times = 0
        self._passes = 0
        self._fresh_batch = False

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """A batch to judge, perhaps."""
        self._fresh_batch = True

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """A pass without gradients over a new batch."""
        if not isinstance(output, Tensor) or output.requires_grad or not self._fresh_batch or not scene.step:
            return
        if module.training and [module] == scene.models:
            self._fresh_batch = False
            self._passes += 1
            if self._passes == IN_A_ROW:
                self._tell(scene, place_of_call())

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Judged with or without gradients?"""
        if seen.outputs is None:
            return
        judged = (seen.outputs.data_ptr(), tuple(seen.outputs.shape))
        if seen.with_gradient:
            self._trained_on = judged
            self._waiting = [one for one in self._waiting if one.outputs != judged]
        elif scene.step and judged != self._trained_on and not seen.outputs.requires_grad and len(self._waiting) < 64:
            models = scene.models
            if len(models) == 1 and models[0].training:
                self._waiting.append(_Judged(judged, seen.place))

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """What was judged before and is not what goes backward now was an evaluation."""
        self._passes = 0
        if self._waiting:
            self._times += 1
            place = self._waiting[0].place
            self._waiting = []
            if self._times == 2:
                self._tell(scene, place)

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """What was trained on in this step is not known by its place in memory any more."""
        self._trained_on = None

    def _tell(self, scene: Scene, place: str) -> None:
        layers = [f"{scene.name_of(m)} ({type(m).__name__})" for m in modal_layers(scene.models[0]) if m.training]
        if layers:
            scene.fact("evaluates-in-train-mode", layers=layers[:3], place=place)
