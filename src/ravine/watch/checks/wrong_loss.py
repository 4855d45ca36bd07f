"""Whether a loss is given what it is made for."""

from __future__ import annotations

from typing import ClassVar

import torch

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.checks.graph import operation
from ravine.watch.instrument import LossSeen, Scene


class WrongLoss(Check):
    """Sees losses that cannot measure what they are given.

    Exact, each by what the loss is defined for: cross_entropy over a single class is 0 whatever the network says; the
    outputs of nll_loss are logarithms of probabilities, none above 0; targets of a binary cross-entropy lie in [0,
    1], and class probabilities given to cross_entropy have the sum 1.
    """

    name: ClassVar[str] = "wrong-loss"

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Ask what it was given."""
        if not seen.with_gradient or not scene.sampled:
            return
        why = _why(seen)
        if not why:
            return
        times = self._times[why] = self._times.get(why, 0) + 1
        if times == IN_A_ROW:
            scene.fact("loss-not-made-for-this", why=why, loss=seen.name, place=seen.place)


def _why(seen: LossSeen) -> str:
    outputs, targets = seen.outputs, seen.targets
    if outputs is None or targets is None or not outputs.numel():
        return ""
    if seen.name == "cross_entropy":
        if outputs.dim() >= 2 and outputs.shape[1] == 1:
            return "one class"
        if targets.is_floating_point() and targets.shape == outputs.shape and outputs.dim() >= 2:
            sums = targets.float().sum(1)
            far = ((sums - 1).abs() > 0.01).any() | (targets < 0).any()
            return "targets are no probabilities" if bool(far) else ""
    if seen.name == "nll_loss" and operation(outputs) != "LogSoftmax" and bool((outputs > 0.01).any()):
        return "outputs are no log-probabilities"
    if seen.name == "nll_loss" and operation(outputs) == "Softmax":
        return "outputs are no log-probabilities"
    if seen.name == "binary_cross_entropy_with_logits" and bool(((targets < 0) | (targets > 1)).any()):
        return "targets are outside [0, 1]"
    if seen.name == "mse_loss" and targets.dtype in (torch.int32, torch.int64) and outputs.shape != targets.shape:
        return "targets are class numbers"
    return ""
