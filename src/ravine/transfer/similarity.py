"""How much a pretrained body knows of new data: its features beside those of the same network with random weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from numpy.typing import NDArray
from torch import Tensor, nn

from ravine.data.batches import TensorBatches
from ravine.data.task import Kind
from ravine.initialize import apply
from ravine.train.losses import Loss
from ravine.transfer.features import cached
from ravine.transfer.kept import Kept, rows_of, some_rows
from ravine.transfer.logme import fitted

if TYPE_CHECKING:
    from ravine.transfer.setting import Setting

NEIGHBOURS = 5

SHARE = 0.2
"""Of the rows, on which features are compared: fresh weights are run over these alone."""

FEWEST, MOST = 64, 512
"""Rows of training and as many held ones that they are compared on, at least and at most."""


@dataclass(frozen=True, slots=True)
class Known:
    """What can be read off features of one kind.

    Attributes:
        linear: Quality on the held rows of the linear model that `logme` is the evidence of: accuracy, or share of
            the variance explained (R²).
        neighbours: The same of the 5 nearest training rows by cosine.
        logme: Log evidence a row.
    """

    linear: float
    neighbours: float
    logme: float

    def __str__(self) -> str:
        return f"linear {self.linear:.3f}, 5 neighbours {self.neighbours:.3f}, LogME {self.logme:.3f}"


@dataclass(frozen=True, slots=True)
class Compared:
    """Features of a pretrained body beside those of the same network with random weights, on the same rows.

    Attributes:
        pretrained: What the pretrained ones tell.
        random: What the others do.
        train: Training rows.
        held: Held rows.
    """

    pretrained: Known
    random: Known
    train: int
    held: int

    @property
    def similar(self) -> bool:
        """Whether the pretrained ones tell more: on held rows where that is beyond noise, else by LogME."""
        share = min(max(self.random.linear, 0.0), 1.0)
        noise = (2 * share * (1 - share) / self.held) ** 0.5
        gap = self.pretrained.linear - self.random.linear
        return gap > 0 if abs(gap) > noise else self.pretrained.logme > self.random.logme

    def __str__(self) -> str:
        rows = f"{self.train} training and {self.held} held rows"
        return f"on {rows}, pretrained features: {self.pretrained}; random ones: {self.random}"


def compared(setting: Setting, kept: Kept) -> Compared:
    """Measure the features that are kept, and those of random weights, on some of the rows."""
    assert setting.held is not None
    assert kept.held is not None
    fresh = randomized(setting.network, setting.seed)
    random, pretrained = [], []
    for batches, features in ((setting.train, kept.train), (setting.held, kept.held)):
        most = min(max(round(SHARE * batches.rows), FEWEST), MOST)
        places = some_rows(batches.rows, most, setting.seed)
        rows = places if batches.subset is None else batches.subset[places.to(batches.subset.device)]
        few = TensorBatches(batches.fields, batches.target, batch_size=len(rows), device=batches.device, subset=rows)
        random.append(rows_of(cached(fresh, fresh.get_submodule(setting.head_name), few)))
        pretrained.append(rows_of(features, places))
    told = [known_of(train, held, setting.outputs, setting.loss) for train, held in (pretrained, random)]
    return Compared(told[0], told[1], len(random[0][1]), len(random[1][1]))


def known_of(train: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor], outputs: int, loss: Loss) -> Known:
    """Measure features of training and held rows, each (features, target)."""
    (x, y), (x_held, y_held) = train, held
    mean, std = x.mean(0), x.std(0, unbiased=False).clamp(min=1e-6)
    columns = (F.one_hot(y, outputs) if loss.kind is Kind.CLASSIFY else y).float()
    model = fitted(_numbers((x - mean) / std), _numbers(columns), tolerance=1e-6)
    weights = torch.as_tensor(model.weights, dtype=x.dtype, device=x.device)
    threshold = 0.5 if loss.kind is Kind.MULTI_LABEL else 0.0  # of a label; outputs say yes above 0
    answers = columns.mean(0) + (x_held - mean) / std @ weights
    return Known(
        linear=quality(answers - threshold, y_held, loss.kind),
        neighbours=quality(_nearest(x, columns, x_held) - threshold, y_held, loss.kind),
        logme=model.evidence,
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
    """Mean of the target columns of the nearest rows."""
    mean = x.mean(0)
    alike = F.normalize(held - mean) @ F.normalize(x - mean).T
    places = alike.topk(min(NEIGHBOURS, len(x)), dim=1).indices
    return columns[places].mean(1)


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.double().cpu().numpy()


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
