"""In which order examples come, and whether those of the evaluation were among those of the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, LossSeen, Scene
from ravine.watch.instruments.fingerprints import (
    Fingerprints,
    Overlap,
    Taken,
    repeats,
    sorted_by_label,
    sorted_by_value,
)

FIRST_LOOK = 16  # batches; then after half as many more each time
MOST_BATCHES = 1024
MOST_TARGETS = 4096  # of one batch


class Order(Instrument):
    """Sees labels that come sorted, batches that come in the same order at each epoch, and evaluation on training rows.

    Exact: the stream of labels itself; equal batches, by a fingerprint of inputs and targets, one whole epoch long;
    equal rows of the inputs. What an augmentation changes is not recognized. It costs something at every step for two
    epochs, or a thousand batches; then all is told that can be.
    """

    name: ClassVar[str] = "order"

    def __init__(self) -> None:
        self._prints = Fingerprints()
        self._targets: list[Tensor] = []
        self._waiting: list[tuple[Taken | None, Tensor | Taken]] = []
        self._batches: list[tuple[Tensor, Tensor]] = []
        self._overlap = Overlap()
        self._dataset = 0
        self._inputs: Tensor | None = None
        self._told: set[str] = set()
        self._next = FIRST_LOOK
        self._learning = True  # what the training's rows are

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """Whose batch is it, and what are its inputs?"""
        self._dataset = scene.data_of(loader)
        if isinstance(batch, Mapping):
            batch = [value for name, value in batch.items() if _may_be_inputs(name, value)]
        first = batch[0] if isinstance(batch, list | tuple) and batch else None
        self._inputs = first if isinstance(first, Tensor) and first.dim() >= 2 else None

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Inputs of programs without a DataLoader, at the steps at which they are told."""
        first = inputs[0] if inputs else None
        if self._inputs is None and isinstance(first, Tensor) and first.dim() >= 2 and module in scene.models:
            self._inputs = first

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Take what fingerprints are made of; they are worked out when somebody looks."""
        targets, inputs = seen.targets, self._inputs
        self._inputs = None
        if targets is None or not targets.dim():
            return
        if inputs is not None and inputs.shape[0] != targets.shape[0]:
            inputs = None
        if not seen.with_gradient:
            if inputs is not None and scene.step and "leaks" not in self._told:
                self._overlap.evaluated(self._dataset, self._prints.rows(inputs))
            return
        if not self._learning:
            return
        whole: Tensor | Taken | None = None
        if "sorted" not in self._told and targets.numel() <= MOST_TARGETS:
            copy = (targets if targets.dim() == 1 else targets.flatten(1)[:, 0]).clone()
            self._targets.append(copy)
            whole = copy if targets.dim() == 1 else None
        if whole is None:
            whole = self._prints.take(targets.reshape(1, -1))
        self._waiting.append((None if inputs is None else self._prints.take(inputs), whole))

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Now and then, look."""
        self._inputs = None
        if self._learning and len(self._batches) + len(self._waiting) >= self._next:
            self._next += self._next // 2
            self._look(scene)

    def end(self, scene: Scene) -> None:
        """Look once more."""
        if self._batches or self._waiting or self._overlap.waits:
            self._look(scene)

    def _work_out(self) -> None:
        """The fingerprints of what was taken since the last time."""
        waiting, self._waiting = self._waiting, []
        known = iter(self._prints.of_taken([inputs for inputs, _ in waiting if inputs is not None]))
        rows = [None if inputs is None else next(known) for inputs, _ in waiting]
        for part in rows:
            if part is not None:
                self._overlap.trained(part)
        copies = iter(self._prints.take_each([whole for _, whole in waiting if isinstance(whole, Tensor)]))
        targets = [next(copies) if isinstance(whole, Tensor) else whole for _, whole in waiting]
        self._batches += self._prints.batches(rows, targets)

    def _look(self, scene: Scene) -> None:
        self._work_out()
        if "sorted" not in self._told and len(self._targets) >= 4:
            looked = sorted_by_value if self._targets[0].is_floating_point() else sorted_by_label
            self._tell(scene, "sorted", "targets-come-sorted", looked([part.cpu() for part in self._targets]))
        prints = [torch.stack(column).tolist() for column in zip(*self._batches, strict=True)]
        if prints and "repeats" not in self._told and (period := repeats(*prints)):
            self._tell(scene, "repeats", "order-repeats", {"batches": period})
        if "leaks" not in self._told:
            self._tell(scene, "leaks", "evaluated-on-training-rows", self._overlap.found())
        if len(self._batches) >= MOST_BATCHES or self._overlap.epochs > 2:
            self._learning = False
            self._batches, self._targets = [], []

    def _tell(self, scene: Scene, what: str, fact: str, details: dict[str, Any]) -> None:
        if details:
            self._told.add(what)
            scene.fact(fact, **details)


def _may_be_inputs(name: object, value: object) -> bool:
    """Whether a part of a batch with names may be what the model is shown."""
    beside = ("label", "target", "mask", "type", "position")
    return isinstance(value, Tensor) and value.dim() >= 2 and not any(word in str(name) for word in beside)
