"""The learning rate of every step, and what else the optimizer was given."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, Scene


class Rate(Instrument):
    """`lr` at each step, of the first group; `lr_2` … of further optimizers; once, what the optimizer is."""

    name: ClassVar[str] = "rate"

    def __init__(self) -> None:
        self._known = 0

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Write the rate that this step is taken with."""
        turn = scene.turn
        if turn >= self._known:
            self._known = turn + 1
            _introduce(scene, optimizer, turn)
        rate = optimizer.param_groups[0].get("lr")
        if rate is None:
            return
        value = rate if isinstance(rate, Tensor) else float(rate)
        if turn == 0:
            scene.write("step", lr=value)
        else:
            scene.write("step", **{f"lr_{turn + 1}": value})


def _introduce(scene: Scene, optimizer: Optimizer, turn: int) -> None:
    if turn:
        scene.about(optimizers=turn + 1)
        return
    group = optimizer.param_groups[0]
    known: dict[str, Any] = {"optimizer": type(optimizer).__name__}
    known["parameters"] = sum(p.numel() for each in optimizer.param_groups for p in each["params"])
    for word in ("weight_decay", "momentum", "betas"):
        value = group.get(word)
        if isinstance(value, int | float):
            known[word] = value
        elif word == "betas" and isinstance(value, tuple) and all(isinstance(beta, float) for beta in value):
            known[word] = list(value)
    scene.about(**known)
