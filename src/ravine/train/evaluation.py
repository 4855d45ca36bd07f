"""Outputs of networks over a whole set, in evaluation mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ravine.data.batches import Batches
from ravine.train.machine import Machine


def evaluate_each(
    models: Sequence[nn.Module],
    batches: Batches,
    loss: Callable[[Any, Any], Tensor],
    metrics: Callable[[Tensor, Tensor], dict[str, float]] | None,
    machine: Machine,
    autocast: contextlib.AbstractContextManager[Any],
    weigh: Callable[[Any], Any] | None = None,
) -> list[dict[str, float]]:
    """Mean loss, and the metrics, of each network over all rows; modules are left in the modes they were in.

    The batches are loaded once. Several processes each take every n-th row; all get the numbers of
    the whole.

    Args:
        models: The networks.
        batches: The rows.
        loss: (outputs, target) → mean over a batch.
        metrics: (outputs, target) → numbers by name, over all rows; None for none.
        machine: The processes.
        autocast: Around all that is computed.
        weigh: Target → how much a batch counts in the mean loss; None counts rows.
    """
    modes = [(module, module.training) for model in models for module in model.modules()]
    for model in models:
        model.eval()
    seen = [_Seen() for _ in models]
    try:
        with torch.inference_mode(), autocast:
            for inputs, target, share, _ in batches.epoch(0):
                if share == 0.0:
                    continue
                weight = float(len(target) if weigh is None else weigh(target))
                if weight == 0.0:
                    continue
                for model, one in zip(models, seen, strict=True):
                    one.add(model(*inputs), target, weight, loss, keeps=metrics is not None)
    finally:
        for module, mode in modes:
            module.training = mode
    return [one.read(metrics, machine) for one in seen]


class _Seen:
    """What one network gave."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.weights: list[float] = []
        self.outputs: list[Tensor] = []
        self.targets: list[Any] = []

    def add(self, out: Any, target: Any, weight: float, loss: Callable[[Any, Any], Tensor], *, keeps: bool) -> None:
        self.losses.append(loss(out, target).detach())
        self.weights.append(weight)
        if keeps and isinstance(out, Tensor):
            self.outputs.append(out.float())
            self.targets.append(target)

    def read(self, metrics: Callable[[Tensor, Tensor], dict[str, float]] | None, machine: Machine) -> dict[str, float]:
        weights = torch.tensor(self.weights, dtype=torch.float64)
        values = torch.stack(self.losses).double().cpu() if self.losses else weights
        total, count = float((values * weights).sum()), float(weights.sum())
        if machine.world > 1:
            total, count = machine.mean(total), machine.mean(count)
        found = {"loss": total / count}
        if metrics is not None and self.outputs:
            gathered = (machine.gather_rows(torch.cat(part)) for part in (self.outputs, self.targets))
            found |= {name: value for name, value in metrics(*gathered).items() if name != "loss"}
        return found
