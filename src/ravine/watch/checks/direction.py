"""Whether steps go down the loss."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from ravine.watch.checks.check import Check
from ravine.watch.checks.graph import losses_under
from ravine.watch.instrument import Scene
from ravine.watch.place import place_of_call

STEPS = 5
MOST_ELEMENTS = 1_000_000  # of the parameters that are compared before and after a step
STRONG_DECAY = 0.5  # from here on the decay, and not the gradient, may decide where a step goes


class Direction(Check):
    """Sees updates along the gradient, and losses that are negated before the backward pass.

    Exact: an optimizer that has no memory yet moves against its gradient, whatever its method. Those that begin with a
    memory, a resumed one, and those told to maximize are not asked. A negated loss counts only where one optimizer
    trains one model: games have signs of their own.
    """

    name: ClassVar[str] = "direction"

    def __init__(self) -> None:
        self._asked: dict[int, list[Tensor]] = {}
        self._before: list[tuple[Tensor, Tensor, Tensor]] = []  # parameter, its value and its gradient
        self._negated: list[bool] = []
        self._place = ""
        self._last_negated: bool | None = None

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Which sign do the losses have in what goes backward?"""
        if len(self._negated) < STEPS:
            signs = [sign for _, sign, _ in losses_under(root)]
            self._last_negated = all(sign < 0 for sign in signs) if signs else None
            if self._last_negated:
                self._place = place_of_call()

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Keep what is about to change."""
        self._before = []
        asked = self._asked.get(id(optimizer))
        if asked is None:
            fresh = not any(getattr(optimizer, "state", {}).values())
            decay = max(float(group.get("weight_decay") or 0) for group in optimizer.param_groups)
            eligible = fresh and decay < STRONG_DECAY and not _maximizes(optimizer)
            asked = self._asked[id(optimizer)] = []
            if not eligible:
                asked.extend([torch.zeros(())] * (STEPS + 1))
        if len(asked) <= STEPS:
            self._before = [(p, p.detach().clone(), p.grad.clone()) for p in _few(optimizer) if p.grad is not None]

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Where did it go?"""
        self._ask_the_sign(scene, optimizer)
        if not self._before:
            return
        parts = [((p.detach() - value) * gradient).sum().float() for p, value, gradient in self._before]
        self._before = []
        asked = self._asked[id(optimizer)]
        asked.append(torch.stack(parts).sum())
        if len(asked) == STEPS + 1 and _all_positive(asked):
            scene.fact("updates-along-gradient", optimizer=type(optimizer).__name__, place=place_of_call())

    def _ask_the_sign(self, scene: Scene, optimizer: Optimizer) -> None:
        if len(self._negated) >= STEPS or self._last_negated is None:
            return
        self._negated.append(self._last_negated != _maximizes(optimizer))
        self._last_negated = None
        if len(self._negated) == STEPS and all(self._negated) and len(scene.optimizers) == len(scene.models) == 1:
            scene.fact("loss-goes-up", place=self._place or place_of_call(), maximizes=_maximizes(optimizer))


def _all_positive(products: list[Tensor]) -> bool:
    """Whether all are positive but one that is 0: changes made by hand are known from the second on."""
    values: list[float] = torch.stack(products).tolist()
    return min(values) >= 0 and sum(value > 0 for value in values) >= STEPS


def _maximizes(optimizer: Optimizer) -> bool:
    return any(bool(group.get("maximize")) for group in optimizer.param_groups)


def _few(optimizer: Optimizer) -> list[Tensor]:
    """Parameters with a gradient, as many as can be copied without harm."""
    few: list[Tensor] = []
    left = MOST_ELEMENTS
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None and not p.grad.is_sparse and not p.is_complex() and p.numel() <= left:
                few.append(p)
                left -= p.numel()
    return few
