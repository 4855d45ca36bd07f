"""Whether clipping comes between the backward pass and the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.optim import Optimizer

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.instrument import ClipSeen, Scene


@dataclass(slots=True)
class _Order:
    """What happened to the gradients of one optimizer since it last stepped."""

    ids: frozenset[int]
    backward: bool = False
    early: ClipSeen | None = None  # clipped with no backward pass since the last step
    late: bool = False  # clipped after the last backward pass
    times: int = 0


class Clipping(Check):
    """Tells the limit, and sees clipping of gradients that are not there yet.

    Exact: between two steps the clip comes before the backward pass, and none follows it.
    """

    name: ClassVar[str] = "clipping"

    def __init__(self) -> None:
        self._orders: dict[int, _Order] = {}
        self._limit: float | None = None

    def backward_end(self, scene: Scene, root: Tensor) -> None:
        """New gradients: none of them is clipped."""
        for order in self._orders.values():
            order.backward = True
            order.late = False

    def clip(self, scene: Scene, seen: ClipSeen) -> None:
        """Clipped: whose gradients, and were they there?"""
        if seen.norm is not None and seen.limit != self._limit:
            self._limit = seen.limit
            scene.about(clip_limit=seen.limit, clip_place=seen.place)
        first = id(seen.params[0]) if seen.params else 0
        for order in self._orders.values():
            if first in order.ids:
                order.late = order.backward
                order.early = order.early if order.backward else seen

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Which came first?"""
        order = self._orders.get(id(optimizer))
        if order is None:
            ids = frozenset(id(p) for group in optimizer.param_groups for p in group["params"])
            self._orders[id(optimizer)] = _Order(ids)
            return
        if order.early is not None and order.backward and not order.late:
            order.times += 1
            if order.times == IN_A_ROW:
                scene.fact("clips-before-backward", limit=order.early.limit, place=order.early.place)
        else:
            order.times = 0
        order.backward = order.late = False
        order.early = None
