"""Metrics for somebody's own loss, guessed from its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ravine.train.metrics import accuracy, r2


def guessed_metrics(loss: Any) -> Callable[[Tensor, Tensor], dict[str, float]] | None:
    """What people watch beside `loss`: accuracy beside cross-entropy, R² beside squared errors, else nothing."""
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss):
        return _accuracy
    if isinstance(loss, nn.BCEWithLogitsLoss):
        return _agreement
    if isinstance(loss, nn.MSELoss | nn.L1Loss | nn.HuberLoss | nn.SmoothL1Loss):
        return _explained
    return None


def _accuracy(outputs: Tensor, target: Tensor) -> dict[str, float]:
    """Of outputs (rows, classes, …) against class numbers (rows, …) or probabilities (rows, classes, …)."""
    classes = outputs.movedim(1, -1).reshape(-1, outputs.shape[1])
    if target.ndim == outputs.ndim:
        return {"accuracy": accuracy(classes, target.movedim(1, -1).reshape(-1, outputs.shape[1]))}
    return {"accuracy": accuracy(classes, target.reshape(-1))}


def _agreement(outputs: Tensor, target: Tensor) -> dict[str, float]:
    return {"accuracy": ((outputs > 0) == (target > 0.5)).float().mean().item()}


def _explained(outputs: Tensor, target: Tensor) -> dict[str, float]:
    return {"r2": r2(outputs, target.to(outputs.dtype))}
