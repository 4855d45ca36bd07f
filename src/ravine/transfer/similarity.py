"""How much a pretrained body knows of new data: its features beside those of the same network with random weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor, nn

from ravine.data.task import Kind
from ravine.initialize import apply
from ravine.train.losses import Loss
from ravine.transfer.logme import log_evidence
from ravine.transfer.probe import solve_head

NEIGHBOURS = 5
MOST_ROWS = 2_000
"""Rows that are looked at: accuracy is then known to a hundredth."""


@dataclass(frozen=True, slots=True)
class Known:
    """What can be read off features of one kind.

    Attributes:
        linear: Quality of a linear head on the held rows: accuracy, or share of the variance explained (R²).
        neighbours: The same of the 5 nearest training rows by cosine.
        logme: Log evidence a row.
    """

    linear: float
    neighbours: float
    logme: float

    def __str__(self) -> str:
        return f"linear {self.linear:.3f}, 5 neighbours {self.neighbours:.3f}, LogME {self.logme:.3f}"


def known_of(train: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor], outputs: int, loss: Loss) -> Known:
    """Measure features of training and held rows, each (features, target)."""
    (x, y), (x_held, y_held) = train, held
    half = len(x_held) // 2 or len(x_held)
    head = solve_head(x, y, outputs, loss, (x_held[:half], y_held[:half]))
    columns = F.one_hot(y, outputs) if loss.kind is Kind.CLASSIFY else y
    rows = slice(0, MOST_ROWS)
    return Known(
        linear=quality(head.outputs(x_held), y_held, loss.kind),
        neighbours=quality(_nearest(x[rows], columns[rows].float(), x_held), y_held, loss.kind),
        logme=log_evidence(
            _standard(x[rows]).double().cpu().numpy(), columns[rows].double().cpu().numpy().astype(np.float64)
        ),
    )


def quality(outputs: Tensor, target: Tensor, kind: Kind) -> float:
    """Accuracy of classes and labels; R², at least −1, of numbers."""
    return float(quality_per_row(outputs, target, kind).mean())


def quality_per_row(outputs: Tensor, target: Tensor, kind: Kind) -> Tensor:
    """What each row adds to `quality`, as a mean, (rows,)."""
    if kind is Kind.CLASSIFY:
        return (outputs.argmax(1) == target).float()
    if kind is Kind.MULTI_LABEL:
        return ((outputs > 0) == (target > 0.5)).float().mean(1)
    errors = ((outputs - target) ** 2).mean(1)
    return 1 - (errors / target.var(0, unbiased=False).mean().clamp(min=1e-12)).clamp(max=2)


def _nearest(x: Tensor, columns: Tensor, held: Tensor) -> Tensor:
    """Mean of the target columns of the nearest rows; for labels less ½, so that its sign answers."""
    mean = x.mean(0)
    alike = F.normalize(held - mean) @ F.normalize(x - mean).T
    places = alike.topk(min(NEIGHBOURS, len(x)), dim=1).indices
    return columns[places].mean(1)


def _standard(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / x.std(0, unbiased=False).clamp(min=1e-6)


def randomized(network: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with fresh weights, statistics included: what the network would have been before any training.

    Layers that know how to reset themselves do; known kinds then start as `ravine.initialize` starts them.
    """
    made = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in made.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
        apply(made, "auto")
        for module in made.modules():
            start = getattr(module, "start", None)  # blocks of Ravine's that begin as something simple
            if callable(start):
                start()
    return made
