"""Single examples of a classification, in training and in evaluation: how sure the network is of what."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, LossSeen, Scene
from ravine.watch.instruments.judged import MOST_EXAMPLES, Answers, answers_of, by_class, numbers_of

CLOSEST = 50  # what is looked at follows the last by this part of the steps so far, at least
STEPS = 10  # from one batch of the training to the next, at least, where steps are not sampled
WORTH = 500  # examples of the training that are worth a row of their own


class Examples(Instrument):
    """Rows of kind "examples": one for each evaluation, of 4,096 examples at most, and those of the training.

    `part` is "train" for what was gone back from, as the network was then, with its dropout: at sampled steps, and of
    every tenth batch or so, in which case several are one row, written by the next evaluation at the latest. It is
    "val" for the first data that an evaluation was of beside the training's, and "test" for any other. Evaluations
    also count their classes one by one. See `ravine.watch.instruments.judged.numbers_of` for what is written.
    """

    name: ClassVar[str] = "examples"

    def __init__(self) -> None:
        self._pending: list[Answers] = []  # until somebody goes back from them
        self._taken: list[Answers] = []  # gone back from, and not written yet
        self._evaluated: dict[int | None, list[Answers]] = {}
        self._training = True
        self._data: int | None = None  # whose batch came last
        self._trained_on: int | None = None
        self._held_out: int | None = None
        self._targets_at = 0
        self._outputs_at = 0  # of the last loss that may be gone back from
        self._next = 0  # the step from which on an evaluation is looked at
        self._next_batch = STEPS  # and a batch of the training

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """Remember whose batch it is."""
        self._data = scene.data_of(loader)

    def mode(self, scene: Scene, module: nn.Module, training: bool) -> None:
        """What nobody went back from in an evaluation with gradients was the evaluation's."""
        if next(module.parameters(), None) is None:
            return  # a loss has a mode too
        if training:
            self._decide()
        self._training = training

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Look at the examples of a batch."""
        if seen.with_gradient:
            self._targets_at = 0 if seen.targets is None else seen.targets.data_ptr()
            before, self._outputs_at = self._outputs_at, 0 if seen.outputs is None else seen.outputs.data_ptr()
            if before and before == self._outputs_at:
                self._pending = []  # two losses of one output: examples are mixed, and none has one target
            elif self._wanted(scene) and _number((*self._pending, *self._taken)) < MOST_EXAMPLES:
                self._pending += _some(seen)
        elif (
            scene.step >= self._next
            and not self._again(seen.targets)
            and _number(self._evaluated.get(self._data, ())) < MOST_EXAMPLES
        ):
            for answers in _some(seen):
                self._evaluate(answers)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """The training goes on: what is pending is its own."""
        if self._evaluated:
            self._close(scene)
        if not self._training:
            self._rest(scene)  # a training in evaluation mode: its losses were no evaluation
        self._trained_on = self._data
        self._taken += self._pending
        self._pending, self._outputs_at = [], 0

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Write what this step is taken for, or what has come together."""
        if self._taken and (scene.sampled or _number(self._taken) >= WORTH):
            self._write_taken(scene)

    def end(self, scene: Scene) -> None:
        """Write what is not written yet."""
        self._decide()
        self._close(scene)

    def _wanted(self, scene: Scene) -> bool:
        """Whether a loss with a gradient is looked at: now and then, and where it may be an evaluation's."""
        if scene.sampled or (self._training and scene.step >= self._next_batch):
            self._next_batch = scene.step + max(STEPS, scene.step // CLOSEST)
            return True
        return not self._training and scene.step >= self._next

    def _rest(self, scene: Scene) -> None:
        self._next = scene.step + scene.step // CLOSEST

    def _decide(self) -> None:
        """What an evaluation left behind, nobody goes back from."""
        if not self._training:
            for answers in self._pending:
                self._evaluate(answers)
            self._pending = []

    def _again(self, targets: Tensor | None) -> bool:
        """Whether these are training rows that are looked at once more."""
        if self._data is not None:
            return self._data == self._trained_on
        return self._training and targets is not None and targets.data_ptr() == self._targets_at

    def _evaluate(self, answers: Answers) -> None:
        self._evaluated.setdefault(self._data, []).append(answers)

    def _close(self, scene: Scene) -> None:
        if self._taken:
            self._write_taken(scene)
        evaluated, self._evaluated = self._evaluated, {}
        self._rest(scene)
        for data, batches in evaluated.items():
            if self._held_out is None:
                self._held_out = data
            part = "val" if data == self._held_out else "test"
            self._write(scene, part, batches, **by_class(_alike(batches)))

    def _write_taken(self, scene: Scene) -> None:
        taken, self._taken = self._taken, []
        self._write(scene, "train", taken)

    def _write(self, scene: Scene, part: str, batches: list[Answers], **more: Tensor) -> None:
        scene.write("examples", part=part, **numbers_of(_alike(batches)), **more)


def _some(seen: LossSeen) -> list[Answers]:
    found = answers_of(seen)
    return [] if found is None else [found]


def _alike(batches: list[Answers]) -> list[Answers]:
    """Those of as many classes, on the same device, as the first: one head's, where a model has several."""
    first = batches[0]
    return [one for one in batches if one.classes == first.classes and one.target.device == first.target.device]


def _number(batches: Any) -> int:
    return sum(len(one) for one in batches)
