"""What training reports after each epoch, computed once over all rows of the set."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ravine.data.task import Kind, Task, decode_values
from ravine.train.losses import loss_of

HIGHER_IS_BETTER = {
    "loss": False,
    "accuracy": True,
    "r2": True,
    "rmse": False,
    "mae": False,
    "f1": True,
    "exact_match": True,
}
"""Which way each metric improves, by name."""


@torch.no_grad()
def epoch_metrics(task: Task, outputs: Tensor, target: Tensor) -> dict[str, float]:
    """Loss and metrics of one set of rows.

    - classify: `loss` (nats), `accuracy`;
    - regress: `loss` (squared error of the standardised targets), `r2` on the scale that is
      learned (the logarithm, when the task learns it; mean over targets), `rmse` and `mae` in
      the units of the target;
    - multi-label: `loss` (nats a label), `f1` (mean over labels), `exact_match` (share of rows
      with every label right).

    Args:
        task: What is learned.
        outputs: Of the network, before softmax or sigmoid, (rows, outputs), any float type.
        target: As encoded for training: class numbers (rows,) or probabilities
            (rows, classes); standardised values (rows, targets); 0/1 (rows, labels).
    """
    outputs = outputs.float()
    loss = loss_of(task.kind)(outputs, target if not target.is_floating_point() else target.float())
    return {"loss": loss.item(), **_METRICS[task.kind](task, outputs, target)}


def accuracy(outputs: Tensor, target: Tensor) -> float:
    """Share of rows whose largest output is the true class; of soft targets, the likeliest class."""
    truth = target.argmax(1) if target.ndim == 2 else target
    return (outputs.argmax(1) == truth).float().mean(dtype=torch.float64).item()


def r2(outputs: Tensor, target: Tensor) -> float:
    """Share of the variance explained, 1 − Σ(y − ŷ)²/Σ(y − ȳ)², the mean over targets.

    A target without variance gives 1 when met exactly and else 0, as scikit-learn has it.
    """
    outputs, target = outputs.double(), target.double()
    residual = (target - outputs).square().sum(0)
    total = (target - target.mean(0)).square().sum(0)
    flat = torch.where(residual == 0, 1.0, 0.0).double()
    return torch.where(total > 0, 1.0 - residual / total, flat).mean().item()


def macro_f1(predicted: Tensor, truth: Tensor) -> float:
    """Mean over labels of 2·tp/(2·tp + fp + fn), both (rows, labels) bool; a label never seen nor said gives 0."""
    hits = (predicted & truth).sum(0).double()
    marks = predicted.sum(0).double() + truth.sum(0).double()
    return torch.where(marks > 0, 2.0 * hits / marks, 0.0).mean().item()


def _classify(_: Task, outputs: Tensor, target: Tensor) -> dict[str, float]:
    return {"accuracy": accuracy(outputs, target)}


def _regress(task: Task, outputs: Tensor, target: Tensor) -> dict[str, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        error = decode_values(task, outputs.cpu().numpy()) - decode_values(task, target.cpu().numpy())
    return {
        "r2": r2(outputs, target),
        "rmse": float(np.sqrt((error**2).mean(0)).mean()),
        "mae": float(np.abs(error).mean()),
    }


def _multi_label(_: Task, outputs: Tensor, target: Tensor) -> dict[str, float]:
    predicted, truth = outputs > 0, target > 0.5
    return {"f1": macro_f1(predicted, truth), "exact_match": (predicted == truth).all(1).double().mean().item()}


_METRICS = {Kind.CLASSIFY: _classify, Kind.REGRESS: _regress, Kind.MULTI_LABEL: _multi_label}
