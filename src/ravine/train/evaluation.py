"""Outputs of a network over a whole set, in evaluation mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ravine.data.batches import Batches
from ravine.train.machine import Machine


def evaluate(
    model: nn.Module,
    batches: Batches,
    loss: Callable[[Any, Any], Tensor],
    metrics: Callable[[Tensor, Tensor], dict[str, float]] | None,
    machine: Machine,
    autocast: contextlib.AbstractContextManager[Any],
) -> dict[str, float]:
    """Mean loss, and the metrics, over all rows; modules are left in the modes they were in.

    Several processes each take every n-th row; all get the numbers of the whole.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    losses, rows, outputs, targets = [], [], [], []
    try:
        with torch.inference_mode(), autocast:
            for inputs, target, share, _ in batches.epoch(0):
                if share == 0.0:
                    continue
                out = model(*inputs)
                losses.append(loss(out, target))
                rows.append(len(target))
                if metrics is not None and isinstance(out, Tensor):
                    outputs.append(out.float())
                    targets.append(target)
    finally:
        for module, mode in modes:
            module.training = mode
    counts = torch.tensor(rows, dtype=torch.float64)
    values = torch.stack(losses).double().cpu() if losses else counts
    total, seen = float((values * counts).sum()), float(counts.sum())
    if machine.world > 1:
        total, seen = machine.mean(total), machine.mean(seen)
    found = {"loss": total / seen}
    if metrics is not None and outputs:
        gathered = (machine.gather_rows(torch.cat(part)) for part in (outputs, targets))
        found |= {name: value for name, value in metrics(*gathered).items() if name != "loss"}
    return found
