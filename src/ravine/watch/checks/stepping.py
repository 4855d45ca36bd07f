"""Whether there are gradients when an optimizer steps."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.instrument import Scene
from ravine.watch.place import place_of_call


class Stepping(Check):
    """Sees steps without any gradient: before the backward pass, after the clearing, or with no backward pass at all.

    Exact: no parameter has a gradient, or the optimizer itself cleared them after the last backward pass.
    """

    name: ClassVar[str] = "stepping"

    def __init__(self) -> None:
        self._events: list[str] = []
        self._cleared: set[int] = set()
        self._times: dict[int, int] = {}

    def zero_grad(self, scene: Scene, owner: Optimizer | nn.Module) -> None:
        """Gradients are gone."""
        self._note("zero_grad")
        self._cleared.add(id(owner))

    def backward_end(self, scene: Scene, root: Tensor) -> None:
        """Gradients are there."""
        self._note("backward")
        self._cleared.clear()

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Are they?"""
        self._note("step")
        key = id(optimizer)
        if key not in self._cleared and any(
            p.grad is not None for group in optimizer.param_groups for p in group["params"]
        ):
            self._times[key] = 0
            return
        self._times[key] = self._times.get(key, 0) + 1
        if self._times[key] == IN_A_ROW:
            scene.fact(
                "steps-without-gradients",
                optimizer=type(optimizer).__name__,
                order=_cycle(self._events),
                place=place_of_call(),
            )

    def _note(self, event: str) -> None:
        if not self._events or self._events[-1] != event:
            self._events.append(event)
            del self._events[:-7]


def _cycle(events: list[str]) -> list[str]:
    """What happened from one step to the next.

    >>> _cycle(["step", "backward", "zero_grad", "step"])
    ['backward', 'zero_grad', 'step']
    """
    earlier = [place for place, event in enumerate(events[:-1]) if event == "step"]
    return events[earlier[-1] + 1 if earlier else 0 :]
