"""Whether gradients are cleared between two steps of an optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from weakref import ReferenceType, ref

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.instrument import Scene
from ravine.watch.place import place_of_call

CLOSELY = 64  # steps at which the values of gradients are looked at where no zero_grad was seen


@dataclass(slots=True)
class _Follows:
    """One optimizer, through one of its parameters."""

    parameter: ReferenceType[Tensor] | None  # whose gradient a step has used; None once that is cleared
    stale: bool = False  # a gradient that a step has used is there, as a backward pass begins
    version: int = 0
    mixed: bool = False  # what a backward pass found was added to it
    times: int = 0


class Clearing(Check):
    """Sees steps that use a gradient to which one of an earlier step was added.

    Exact: a gradient that a step has used is still there, and not zero, when a backward pass begins; that pass adds
    to it; and the optimizer steps before anybody clears it. So a gradient accumulated on purpose between two steps is
    none, nor is what a generator's backward pass leaves in a discriminator that clears it first.
    """

    name: ClassVar[str] = "clearing"

    def __init__(self) -> None:
        self._followed: dict[int, _Follows] = {}

    def zero_grad(self, scene: Scene, owner: Optimizer | nn.Module) -> None:
        """Cleared through the optimizer: what was used is gone."""
        if isinstance(owner, nn.Module):
            return  # whether it holds the parameter is seen in the gradient
        follows = self._followed.get(id(owner))
        if follows is not None:
            follows.parameter = None
            follows.mixed = follows.stale = False

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Look whether what was used is still there."""
        for follows in self._followed.values():
            grad = _gradient(follows)
            closely = scene.step < CLOSELY or scene.sampled
            if grad is not None and closely and bool(grad.any()):
                follows.stale = True
                follows.version = grad._version
            else:
                follows.parameter = None
                follows.mixed = follows.stale = False

    def backward_end(self, scene: Scene, root: Tensor) -> None:
        """Look whether something was added to it."""
        for follows in self._followed.values():
            if follows.stale:
                grad = _gradient(follows)
                follows.mixed = follows.mixed or (grad is not None and grad._version != follows.version)

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """A step that used a mixed gradient; and from now on, what is there is used."""
        used = next((p for group in optimizer.param_groups for p in group["params"] if p.grad is not None), None)
        if used is None:
            self._followed.pop(id(optimizer), None)
            return
        follows = self._followed.setdefault(id(optimizer), _Follows(ref(used)))
        follows.times = follows.times + 1 if follows.mixed else 0
        if follows.times == IN_A_ROW:
            scene.fact(
                "gradients-not-cleared",
                optimizer=type(optimizer).__name__,
                parameter=scene.name_of(used),
                place=place_of_call(),
            )
        follows.parameter = ref(used)


def _gradient(follows: _Follows) -> Tensor | None:
    parameter = None if follows.parameter is None else follows.parameter()
    return None if parameter is None else parameter.grad
