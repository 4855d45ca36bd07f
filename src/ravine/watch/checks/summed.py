"""Whether the gradient grows with the size of the batch."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.optim import SGD, Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.checks.graph import losses_under
from ravine.watch.instrument import LossSeen, Scene


class Summed(Check):
    """Sees losses summed over the batch that go backward as they are, under plain gradient descent.

    Exact: the loss was asked for its sum, nothing scales it before the backward pass, and the optimizer's step is
    proportional to the gradient. Adam and its kin do not see the factor.
    """

    name: ClassVar[str] = "summed"

    def __init__(self) -> None:
        self._seen: tuple[str, str, int] | None = None
        self._unscaled = False
        self._times = 0

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Was the sum asked for?"""
        if seen.with_gradient and scene.sampled:
            rows = seen.targets.shape[0] if seen.targets is not None and seen.targets.dim() else 1
            summed = seen.options.get("reduction") == "sum" and rows > 1
            self._seen = (seen.name, seen.place, rows) if summed else None

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Is it scaled on the way?"""
        if self._seen is not None:
            under = losses_under(root)
            self._unscaled = bool(under) and not any(scaled for _, _, scaled in under)

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Does the optimizer see it?"""
        if self._seen is None:
            return
        if self._unscaled and isinstance(optimizer, SGD):
            self._times += 1
            if self._times == IN_A_ROW:
                name, place, rows = self._seen
                scene.fact("loss-is-a-sum", loss=name, rows=rows, place=place)
        self._seen = None
        self._unscaled = False
