"""How far the gradients of two successive batches agree, and whether the step between them went too far."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from ravine.watch.instrument import ClipSeen, Instrument, LossSeen, Scene

MOST_ELEMENTS = 8_000_000
"""Of the parameters that are looked at; of more, every second, third … of each is, the same ones each time."""

EVERY = 10
"""Steps from one pair to the next at least, beside the sampled ones; later a hundredth part of the steps so far."""

SHARE = 0.02
"""Of the time from one pair to the next, beside the sampled ones, that a pair may take."""


@dataclass(slots=True)
class _Held:
    """What is kept on the devices from a step until the next one that is told of; one vector for each device."""

    step: int
    which: tuple[int, ...]  # identities of the parameters
    gradient: list[Tensor]
    weights: list[Tensor]  # before the step, and after it what it moved
    rows: int


class Agreement(Instrument):
    """One row of kind "gradients" for each pair of steps: one looked at, and the next one that is told of.

    With g the gradient of the first, Δ what that step moved the first optimizer's parameters by, and g′ the
    gradient after it, of another batch: `dot` is g·g′, `norm_before` and `norm` are |g| and |g′|, `moved` |Δ|,
    `slope_before` g·Δ and `slope` g′·Δ; `rows_before` and `rows` those of their batches; `apart` the number of steps
    from one to the other, where more than one there is no `slope`. Gradients are meant as they are before clipping by
    norm and without a GradScaler's factor. `share` is that of the parameters' elements that was looked at, where it is
    not all of them.

    Sampled steps are looked at, and others now and then, since that takes less than the rest of a sample. In between, a
    copy of gradients and parameters is kept; other steps cost nothing.

    Source: McCandlish et al. 2018, "An empirical model of large-batch training", for what the numbers are good for.
    """

    name: ClassVar[str] = "agreement"

    def __init__(self) -> None:
        self._held: _Held | None = None
        self._rows = 0  # of the batches gone back from since the last step
        self._judged = 0  # rows of the losses that are waiting to be gone back from
        self._clipped: tuple[Tensor, float, tuple[int, ...]] | None = None  # norm, limit, and which parameters
        self._next = 0  # the step from which on one is looked at that is not sampled
        self._spent = 0.0  # seconds, for the last pair
        self._done = perf_counter()  # when that was

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Count rows; of several losses before one backward pass, those of the last."""
        if seen.with_gradient:
            of = seen.targets if seen.targets is not None else seen.outputs
            if of is not None and of.dim():
                self._judged = of.shape[0]

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Batches whose gradients are accumulated make one."""
        self._rows += self._judged
        self._judged = 0

    def clip(self, scene: Scene, seen: ClipSeen) -> None:
        """Remember by how much clipping shrinks which gradients."""
        if seen.norm is not None and (scene.sampled or self._held is not None or scene.step >= self._next):
            self._clipped = seen.norm.detach(), seen.limit, tuple(map(id, seen.params))

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Hold this gradient against the one kept; keep it, where it is time for another."""
        if scene.turn or not (scene.sampled or self._held is not None or scene.step >= self._next):
            return
        started = perf_counter()
        due = scene.sampled or (scene.step >= self._next and self._spent <= SHARE * (started - self._done))
        before, self._held = self._held, None
        if before is None and not due:
            return
        trained = [p for group in optimizer.param_groups for p in group["params"] if _is_plain(p)]
        if not trained:
            return
        which, every = tuple(map(id, trained)), _every(trained)
        gradient = _spread([p.grad for p in trained if p.grad is not None], every)
        for factor in (self._factor(which), getattr(optimizer, "grad_scale", None)):
            if isinstance(factor, Tensor):
                gradient = [part / factor.to(part) for part in gradient]
        if before is not None and before.which == which:
            self._write(scene, before, gradient, 1 / every)
        if due:
            self._held = _Held(scene.step, which, gradient, _spread(trained, every), self._rows)
            self._next = scene.step + max(EVERY, scene.step // 100)
        self._done = perf_counter()
        self._spent = self._done - started + (self._spent if before is not None and not due else 0.0)

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """What did the step move?"""
        if scene.turn:
            return
        self._rows, self._clipped = 0, None
        held = self._held
        if held is None or held.step != scene.step - 1:
            return
        started = perf_counter()
        here = {id(p): p for group in optimizer.param_groups for p in group["params"]}
        trained = [here[which] for which in held.which]
        now = _spread(trained, _every(trained))
        held.weights = [after - before for after, before in zip(now, held.weights, strict=True)]
        self._spent += perf_counter() - started

    def _factor(self, which: tuple[int, ...]) -> Tensor | None:
        """What clipping by norm has multiplied these gradients by, as torch does it."""
        if self._clipped is None or not set(which).issubset(self._clipped[2]):
            return None
        return (self._clipped[1] / (self._clipped[0] + 1e-6)).clamp(max=1.0)

    def _write(self, scene: Scene, before: _Held, gradient: list[Tensor], share: float) -> None:
        apart = scene.step - before.step
        row: dict[str, Any] = {
            "apart": apart,
            "dot": _dot(before.gradient, gradient),
            "norm_before": _dot(before.gradient, before.gradient).sqrt(),
            "norm": _dot(gradient, gradient).sqrt(),
            "moved": _dot(before.weights, before.weights).sqrt(),
            "slope_before": _dot(before.gradient, before.weights),
        }
        if apart == 1:
            row["slope"] = _dot(gradient, before.weights)
        if before.rows and self._rows:
            row |= {"rows_before": before.rows, "rows": self._rows}
        if share < 1:
            row["share"] = share
        scene.write("gradients", **row)


def _is_plain(p: Tensor) -> bool:
    """Whether parameter and gradient are ordinary dense tensors: of those spread over processes, a part says little."""
    gradient = p.grad
    return (
        gradient is not None
        and type(p) in (Tensor, Parameter)
        and type(gradient) is Tensor
        and gradient.layout == torch.strided
        and gradient.device == p.device
        and p.is_floating_point()
    )


def _every(tensors: list[Tensor]) -> int:
    """Of how many elements one is looked at."""
    return max(1, -(-sum(tensor.numel() for tensor in tensors) // MOST_ELEMENTS))


def _spread(tensors: list[Tensor], every: int) -> list[Tensor]:
    """One vector for each device, a copy, in float32 or float64: one of `every` elements of each tensor."""
    parts: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        parts.setdefault(tensor.device, []).append(tensor.detach().reshape(-1)[::every])
    whole = [torch.cat(of) for of in parts.values()]
    return [vector if vector.dtype == torch.float64 else vector.float() for vector in whole]


def _dot(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """The sum over devices, on the first one."""
    first, *others = (torch.dot(x, y) for x, y in zip(a, b, strict=True))
    for other in others:
        first = first + other.to(first, non_blocking=True)
    return first
