"""The learning rate of every step, and what else the optimizer was given."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from torch import Tensor
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, Scene


class Rate(Instrument):
    """`lr` at each step, of the first group; `lr_2` … of further optimizers; once, what the optimizer is."""

    name = "rate"

    def __init__(self) -> None:
        self._told: WeakSet[Optimizer] = WeakSet()

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Write the rate that this step is taken with."""
        group = optimizer.param_groups[0]
        number = 0
        if optimizer not in self._told:
            self._told.add(optimizer)
            _introduce(scene, optimizer)
        if len(self._told) > 1:
            number = next(n for n, one in enumerate(scene.optimizers) if one is optimizer)
        rate = group.get("lr")
        if rate is not None:
            scene.write("step", **{"lr" if number == 0 else f"lr_{number + 1}": _copied(rate)})


def _introduce(scene: Scene, optimizer: Optimizer) -> None:
    optimizers = scene.optimizers
    if optimizers and optimizers[0] is not optimizer:
        scene.about(optimizers=len(optimizers))
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


def _copied(rate: float | Tensor) -> float | Tensor:
    return rate if isinstance(rate, Tensor) else float(rate)
