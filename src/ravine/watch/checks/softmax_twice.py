"""Whether probabilities are given to a loss that wants logits."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.checks.graph import operation
from ravine.watch.instrument import LossSeen, Scene


class SoftmaxTwice(Check):
    """Sees outputs of a softmax in cross_entropy, which takes the softmax itself; and a sigmoid before …_with_logits.

    Exact: the outputs' own graph names the operation. Where there is no such graph, compiled code, the rows tell:
    none negative, each with the sum 1.
    """

    name: ClassVar[str] = "softmax-twice"

    def __init__(self) -> None:
        self._sums = 0

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Ask where the outputs come from."""
        if seen.outputs is None or not seen.with_gradient or not scene.sampled:
            return
        twice = {"cross_entropy": "Softmax", "binary_cross_entropy_with_logits": "Sigmoid"}.get(seen.name)
        if twice is None:
            return
        came_from = operation(seen.outputs)
        if came_from == twice:
            self._tell(scene, seen, twice)
        elif "Compiled" in came_from and twice == "Softmax":
            self._sums = self._sums + 1 if _are_probabilities(seen.outputs) else 0
            if self._sums == IN_A_ROW:
                self._tell(scene, seen, twice)

    def _tell(self, scene: Scene, seen: LossSeen, operation: str) -> None:
        scene.fact("normalized-twice", operation=operation.lower(), loss=seen.name, place=seen.place)


def _are_probabilities(outputs: Tensor) -> bool:
    if outputs.dim() < 2 or outputs.shape[1] < 2:
        return False
    sums = outputs.float().sum(1)
    return bool((outputs >= 0).all() & torch.isclose(sums, torch.ones_like(sums), atol=1e-3).all())
