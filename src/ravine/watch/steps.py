"""Counting the training: what belongs to one step, whatever the program's style."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, Protocol
from weakref import ReferenceType, ref

from torch import Tensor
from torch.optim import Optimizer

from ravine.watch.bell import Bell
from ravine.watch.instrument import LossSeen
from ravine.watch.pace import Pace
from ravine.watch.stride import Stride

EARLY = 4
"""Backward passes in which new modules are still got to know."""


class Looking(Protocol):
    """What looks for changes of parameters between backward passes.

    Attributes:
        rates: Tell the learning rate, where an optimizer that is not torch's is known.
    """

    rates: list[Callable[[], Any]]

    def compare(self) -> None:
        """Something comes that a step would have come before."""

    def remember(self, root: Tensor) -> None:
        """A backward pass has ended."""


class Steps:
    """Follows backward passes and optimizers, and rings the bell in the order that instruments are promised.

    A step is counted when an optimizer has stepped. Several optimizers that step after the same backward pass, one
    for the matrices and one for the rest, share it; optimizers with passes of their own, as in a GAN, have steps of
    their own. An optimizer inside another's step, as in Lookahead, is not told of.

    Attributes:
        bell: What is rung.
        backwards: Backward passes so far.
        by_optimizer: Steps that torch's optimizers have taken.
        losses: Losses told of since the last backward pass.
        scaled: The last loss that a GradScaler made larger, with what it was before.
        after: Called after each step; `sampling` when it is decided anew whether steps are sampled; `strangers` before
            a backward pass; `modes` with each mode; `compiled` when torch.compile is first called; `over` between two
            trainings.
        by_hand: Looks for changes of parameters that no optimizer makes; None as soon as one has stepped.
    """

    def __init__(self, bell: Bell, pace: Pace, stride: Stride) -> None:
        self.bell = bell
        self.scene = bell.scene
        self.backwards = 0
        self.by_optimizer = 0
        self.losses = 0
        self.scaled: tuple[Tensor, Tensor] | None = None
        self.by_hand: Looking | None = None
        self.after: list[Callable[[], None]] = []
        self.sampling: list[Callable[[], None]] = []
        self.strangers: list[Callable[[], None]] = []
        self.modes: list[Callable[[bool], None]] = []
        self.compiled: list[Callable[[], None]] = []
        self.over: list[Callable[[], None]] = []
        self._pace = pace
        self._stride = stride
        self._inside: list[Optimizer] = []
        self._begun: Optimizer | None = None
        self._since_backward: set[int] = set()
        self._going_back = 0
        self._left = 0  # steps that pass before one is told of again
        self._together = 1  # optimizers that share a step
        self._last: ReferenceType[Optimizer] | None = None  # the one that stepped last
        self.scene.sampled = pace.wants(0, 0.0)

    @property
    def going_back(self) -> bool:
        """Whether a backward pass is under way: forward passes inside it are computed again, not anew."""
        return self._going_back > 0

    @property
    def in_optimizer(self) -> bool:
        """Whether an optimizer's step is under way: passes inside it are those of its closure."""
        return bool(self._inside)

    def affords(self) -> bool:
        """Whether there is time left for something costly."""
        return self._pace.affords(self.bell.spent)

    def hear_loss(self, seen: LossSeen) -> None:
        """A loss was computed; where there are only shapes, no numbers, none was."""
        if seen.value.is_meta:
            return
        self.losses += 1
        if seen.with_gradient and self._last is not None and self._last() is None:
            self._look_back()
        self.look_by_hand()
        self.bell.ring("loss", seen)

    def look_by_hand(self) -> None:
        """Something comes that a step without an optimizer would have come before."""
        if self.by_hand is not None:
            self.by_hand.compare()

    def enter(self, optimizer: Optimizer, closure: Callable[[], Any] | None) -> Callable[[], Any] | None:
        """`optimizer.step` was called; the closure to give it in place of its own, if it has one."""
        if optimizer in self._inside:  # an exception left it without its end
            del self._inside[self._inside.index(optimizer) :]
        self._inside.append(optimizer)
        if len(self._inside) > 1:
            return None
        self._begun = None
        if closure is None:
            self.begin(optimizer)
            return None

        def told() -> Any:
            loss = closure()
            if self._begun is None and self._inside[:1] == [optimizer] and self.bell.hears():
                self.begin(optimizer)
            return loss

        return told

    def leave(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        if optimizer not in self._inside:
            return
        del self._inside[self._inside.index(optimizer) :]
        if self._inside:
            return
        if self._begun is None:
            self.begin(optimizer)
        self._begun = None
        self.by_optimizer += 1
        self.by_hand = None
        self.count(optimizer)

    def count(self, optimizer: Optimizer) -> None:
        """Count a step of `optimizer` and tell of its end."""
        scene = self.scene
        shared = bool(self._since_backward) and id(optimizer) not in self._since_backward
        self._since_backward.add(id(optimizer))
        self._together = max(self._together, len(self._since_backward))
        if not shared:
            scene.step += 1
        self.bell.ring("step_end", optimizer)
        if len(self._since_backward) >= self._together:
            self._look_ahead(optimizer)

    def let_pass(self, optimizer: Optimizer) -> None:
        """Count a step that is not told of."""
        if self._last is None or self._last() is not optimizer:
            self.bell.passing = False  # somebody new: the next step is told of
            return
        self.scene.step += 1
        self._left -= 1
        if self._left <= 0:
            self._look_ahead(optimizer)

    def _look_ahead(self, optimizer: Optimizer) -> None:
        """Between two steps: is the next one sampled, or told of at all?"""
        scene, bell = self.scene, self.bell
        sampled = self._pace.wants(scene.step, bell.spent)
        self._left = 0
        if not sampled and self.by_hand is None and not scene.census.several:
            self._left = self._stride.untold(scene.step)
        bell.passing = self._left > 0
        if sampled is not scene.sampled:
            scene.sampled = sampled
            for do in self.sampling:
                do()
        for do in self.after:
            do()

    def begin(self, optimizer: Optimizer) -> None:
        """Tell that `optimizer` is about to change its parameters."""
        scene = self.scene
        if scene.step and not scene.census.knows(optimizer):
            gc.collect()  # an optimizer and its schedule hold each other: of a training that is over, they go now
            self._look_back()
        scene.turn = scene.census.number_of(optimizer)
        if scene.step == 0:
            self.bell.stay_on_this_thread()
        self._last = ref(optimizer)
        self._begun = optimizer
        self.bell.ring("step_begin", optimizer)

    def begin_backward(self, root: Tensor) -> Tensor:
        """A backward pass begins; the root as the program meant it, without a GradScaler's factor."""
        if self.scaled is not None and self.scaled[0] is root:
            root = self.scaled[1]
        self.scaled = None
        if self._last is not None and self._last() is None:
            self._look_back()
        self.look_by_hand()
        if self.backwards < EARLY:
            for do in self.strangers:
                do()
        self.bell.ring("backward_begin", root)
        self._going_back += 1
        return root

    def end_backward(self, root: Tensor) -> None:
        """It has ended."""
        self._going_back -= 1
        self.backwards += 1
        self.losses = 0
        self._since_backward.clear()
        self.bell.ring("backward_end", root)
        if self.by_hand is not None:
            self.by_hand.remember(root)

    def _look_back(self) -> None:
        """Where every optimizer seen is gone, its training is over, and what comes is another."""
        self._last = None
        if self.scene.step and not self.scene.census.optimizers:
            for do in self.over:
                do()

    def begin_anew(self, pace: Pace, stride: Stride) -> None:
        """Another training begins in the same program."""
        self._pace, self._stride = pace, stride
        self._since_backward.clear()
        self._together = 1
        self.scene.step = self.scene.turn = 0
        self.scene.sampled = pace.wants(0, 0.0)
        self.bell.passing = False
        for do in self.sampling:
            do()

    def break_backward(self) -> None:
        """It has raised."""
        self._going_back -= 1
