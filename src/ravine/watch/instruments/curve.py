"""The curves: the loss of every step, and of every evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, LossSeen, Scene

CLASSES = ("cross_entropy", "nll_loss", "categorical_crossentropy")  # the last of probabilities, in Keras
Number = float | Tensor  # a tensor where reading it would wait for the device


@dataclass(slots=True)
class Sum:
    """A mean on its way: values with weights, added on their device."""

    total: Number = 0.0
    weight: Number = 0.0
    some: bool = False

    def add(self, value: Number, weight: Number) -> None:
        """One more value, of a weight above 0."""
        self.some = True
        self.total = self.total + value * weight
        self.weight = self.weight + weight

    def mean(self) -> Number:
        """The weighted mean so far."""
        return self.total / self.weight


@dataclass(slots=True)
class Judged:
    """One loss with a gradient, until it is known what for."""

    name: str
    key: int  # identity of the value, which is not kept
    value: Number
    rows: int
    training: bool


class Curve(Instrument):
    """Writes the loss of each step, and a row of kind "epoch" after each evaluation or pass over the training data.

    `train_loss` is the loss function's value where a step has one loss function, averaged over accumulated batches
    and, where the program sums over rows, over them; else it is what the program went back from. `objective` is
    that, wherever it is something else: with penalties, weights or a changed sign.

    `val_loss` is of losses without a gradient, or never gone back from, of other data than the training's, or in
    evaluation mode. With classes, `val_accuracy` is counted over all of them, `train_accuracy` at sampled steps.
    """

    name: ClassVar[str] = "curve"

    def __init__(self) -> None:
        self._pending: list[Judged] = []  # until somebody goes back from it
        self._taken: list[Judged] = []  # what was gone back from since the last step
        self._objective: Number | None = None
        self._differs = False  # what is gone back from is not the loss function's value alone
        self._several = False
        self._training = True
        self._data: int | None = None  # whose batch came last
        self._trained_on: int | None = None
        self._held_out: int | None = None
        self._evaluation: dict[int | None, dict[str, Sum]] = {}
        self._epoch_loss, self._epoch_accuracy = Sum(), Sum()
        self._trained_in_epoch = 0
        self._over = False  # a pass over the training data, the next one having begun
        self._about: dict[str, Any] = {}
        self._targets_at = 0

    def epoch(self, scene: Scene, loader: Any) -> None:
        """A pass begins: over the training data again, the last pass is complete once its first batch comes."""
        self._over = scene.data_of(loader) == self._trained_on and self._trained_in_epoch > 0

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """Remember whose batch it is."""
        data = scene.data_of(loader)
        if self._over and data == self._trained_on:
            self._close(scene)
        if self._data == data:
            return
        self._data = data
        if self._data == self._trained_on or self._trained_on is None:
            self._know(
                scene, batch_size=loader.batch_size, train_rows=_length(loader.dataset), steps_per_epoch=_length(loader)
            )

    def mode(self, scene: Scene, module: nn.Module, training: bool) -> None:
        """Losses of an evaluation with gradients, which nobody goes back from, are decided on when it ends."""
        if next(module.parameters(), None) is None:
            return  # a loss has a mode too
        if training and not self._training:
            for judged in self._pending:
                if not judged.training:
                    self._evaluated(judged.name, judged.value, judged.rows)
            self._pending = [judged for judged in self._pending if judged.training]
        self._training = training

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """A loss: kept until it is gone back from, or added to the evaluation."""
        value, rows = _value(seen), _rows(seen)
        if seen.with_gradient:
            if len(self._pending) < 10_000:
                self._pending.append(Judged(seen.name, id(seen.value), value, rows, self._training))
            if scene.sampled:
                hits = right(seen)
                if hits is not None:
                    count, of = hits
                    self._epoch_accuracy.add(count / of, of)
                    scene.write("step", train_accuracy=count / of)
            if not self._about.get("loss"):
                self._know(scene, loss=seen.name, **_task(seen))
            self._targets_at = _where(seen.targets)
            return
        if self._training and self._data == self._trained_on and self._data is not None:
            return  # the training batch looked at once more, for the log
        if self._training and self._data is None and self._targets_at and _where(seen.targets) == self._targets_at:
            return
        self._evaluated(seen.name, value, rows)
        hits = right(seen)
        if hits is not None:
            count, of = hits
            self._evaluation[self._data].setdefault("accuracy", Sum()).add(count / of, of)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """The training goes on: what is pending is its loss."""
        if self._evaluation:
            self._close(scene)
        self._trained_on = self._data
        pending = self._pending
        value: Number | None = None
        if len(pending) == 1 and pending[0].key == id(root):
            value = pending[0].value
        else:
            self._differs = True
            value = _read(root) if root.numel() == 1 else None
        if value is not None:
            self._objective = value if self._objective is None else self._objective + value
        self._taken += pending
        self._pending = []

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Write what this step is taken for."""
        taken, objective = self._taken, self._objective
        if objective is None and not taken:
            return
        self._taken, self._objective = [], None
        self._trained_in_epoch += 1
        loss = taken[0].value if len(taken) == 1 and not self._several else self._loss_of(taken, objective)
        if loss is None:
            return
        if scene.turn:
            scene.write("step", **{f"train_loss_{scene.turn + 1}": loss})
            return
        scene.write("step", train_loss=loss)
        self._epoch_loss.add(loss, 1.0)
        if self._differs and objective is not None:
            scene.write("step", objective=objective)

    def _loss_of(self, taken: list[Judged], objective: Number | None) -> Number | None:
        """The mean of one loss function over the batches of a step; of several, what was gone back from."""
        self._several |= len({judged.name for judged in taken}) > 1
        if self._several or not taken:
            return objective
        total = Sum()
        for judged in taken:
            total.add(judged.value, judged.rows)
        return total.mean()

    def end(self, scene: Scene) -> None:
        """Write what is not written yet."""
        if self._evaluation or self._trained_in_epoch:
            self._close(scene)

    def _evaluated(self, name: str, value: Number, rows: int) -> None:
        self._evaluation.setdefault(self._data, {}).setdefault(name, Sum()).add(value, rows)

    def _close(self, scene: Scene) -> None:
        """One row of kind "epoch": the training since the last, and the evaluation, if there was one."""
        trained = {"train_loss": self._epoch_loss, "train_accuracy": self._epoch_accuracy}
        row: dict[str, Any] = {name: total.mean() for name, total in trained.items() if total.some}
        held_out = [data for data in self._evaluation if data != self._trained_on or data is None]
        if self._held_out is None and held_out:
            self._held_out = held_out[0]
        for data in held_out:
            part = "val" if data == self._held_out else "test"
            sums = self._evaluation[data]
            losses = {name: total for name, total in sums.items() if name != "accuracy"}
            if len(losses) == 1:
                total = next(iter(losses.values()))
                row[f"{part}_loss"] = total.mean()
                if part == "val":
                    self._know(scene, val_rows=int(total.weight))
            else:
                row.update({f"{part}_{name}": total.mean() for name, total in losses.items()})
            if "accuracy" in sums:
                row[f"{part}_accuracy"] = sums["accuracy"].mean()
        if row:
            scene.write("epoch", **row)
        self._epoch_loss, self._epoch_accuracy = Sum(), Sum()
        self._evaluation, self._trained_in_epoch, self._over = {}, 0, False

    def _know(self, scene: Scene, **known: Any) -> None:
        fresh = {key: value for key, value in known.items() if value is not None and key not in self._about}
        if fresh:
            self._about.update(fresh)
            scene.about(**fresh)


def right(seen: LossSeen) -> tuple[Number, Number] | None:
    """How many rows the outputs class as the targets do, and of how many; None where these are no classes."""
    outputs, targets = seen.outputs, seen.targets
    if outputs is None or targets is None:
        return None
    if seen.name in CLASSES:
        axis = 1 if outputs.dim() > 1 else 0
        if targets.is_floating_point():
            if targets.shape != outputs.shape:
                return None
            targets = targets.argmax(axis)
        counted = targets != seen.options.get("ignore_index", -100)
        hit = (outputs.argmax(axis) == targets) & counted
        return _read(hit.sum()), _read(counted.sum().clamp(min=1))
    if seen.name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        if outputs.shape != targets.shape:
            return None
        border = 0.0 if seen.name.endswith("logits") else 0.5
        return _read(((outputs > border) == (targets > 0.5)).sum()), max(1, targets.numel())
    return None


def _task(seen: LossSeen) -> dict[str, Any]:
    if seen.name in CLASSES and seen.outputs is not None and seen.outputs.dim() > 1:
        return {"task": "classification", "classes": seen.outputs.shape[1]}
    if seen.name.startswith("binary_cross_entropy"):
        return {"task": "binary"}
    if seen.name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        return {"task": "regression"}
    return {}


def _value(seen: LossSeen) -> Number:
    """The loss a row: the mean where the program sums over rows or leaves them apart."""
    value = seen.value
    if value.dim():
        return _read(value.float().mean())
    if seen.options.get("reduction") == "sum":
        of = seen.outputs if seen.targets is None or seen.targets.is_floating_point() else seen.targets
        return _read(value) / max(1, of.numel()) if of is not None else _read(value)
    return _read(value)


def _read(value: Tensor) -> Number:
    """The number where that waits for nothing; else a copy on the device."""
    return value.item() if value.device.type == "cpu" else value.detach().clone()


def _rows(seen: LossSeen) -> int:
    of = seen.targets if seen.targets is not None else seen.outputs
    return of.shape[0] if of is not None and of.dim() else 1


def _where(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _length(thing: Any) -> int | None:
    try:
        return len(thing)
    except TypeError:
        return None
