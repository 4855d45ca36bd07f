"""Whether weight decay leaves room for what the gradient says."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from ravine.watch.checks.check import Check
from ravine.watch.instrument import Scene

STEPS = 12
LIFE = 300.0  # steps within which decay alone brings weights to 1/e
STRONG = 0.1
ABOVE = 10.0  # decay against gradient, where both go through the same adaptive rate


class Decay(Check):
    """Sees weight decay that empties the weights within a few hundred steps.

    Exact where the decay is a factor, in SGD and decoupled methods: its rate is the learning rate times the weight
    decay. Where it is added to the gradient and goes through an adaptive rate with it, both are compared, at a dozen
    steps.
    """

    name: ClassVar[str] = "decay"

    def __init__(self) -> None:
        self._rates: dict[int, list[float]] = {}
        self._shares: dict[int, list[Tensor]] = {}

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Compare what decays with what is learned."""
        rates = self._rates.setdefault(id(optimizer), [])
        if len(rates) >= STEPS:
            return
        group = max(optimizer.param_groups, key=lambda one: float(one.get("weight_decay") or 0))
        decay, rate = float(group.get("weight_decay") or 0), float(group.get("lr") or 0)
        rates.append(rate)
        if decay < STRONG:
            return
        factor = isinstance(optimizer, SGD | AdamW) or bool(group.get("decoupled_weight_decay"))
        if not factor:
            self._shares.setdefault(id(optimizer), []).append(_share(group["params"], decay))
        if len(rates) < STEPS:
            return
        if factor and max(rates) * decay * LIFE > 1:
            scene.fact(
                "decay-empties-weights", weight_decay=decay, lr=max(rates), life=round(1 / (max(rates) * decay), 1)
            )
        elif not factor and bool((torch.stack(self._shares.pop(id(optimizer))) > ABOVE).all()):
            scene.fact("decay-empties-weights", weight_decay=decay, lr=max(rates))


def _share(parameters: list[Tensor], decay: float) -> Tensor:
    """Norm of the decay's part of the gradient over the norm of the loss's."""
    there = [p for p in parameters if p.grad is not None and not p.grad.is_sparse]
    if not there:
        return torch.zeros(())
    weights = torch.stack([norm.float() for norm in torch._foreach_norm([p.detach() for p in there])])
    gradients = torch.stack(
        [norm.float() for norm in torch._foreach_norm([p.grad for p in there if p.grad is not None])]
    )
    share: Tensor = decay * torch.linalg.vector_norm(weights) / torch.linalg.vector_norm(gradients).clamp(min=1e-30)
    return share.cpu()
