"""What a network makes of each held row, and whether it is better than another beyond noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ravine.data.batches import TensorBatches
from ravine.train.losses import Loss
from ravine.transfer.features import rows_in_pieces
from ravine.transfer.similarity import quality_per_row

SURE = 1.2
"""Standard errors of the paired difference by which a dearer plan must be better; a single row more makes 1."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Quality and loss of each held row.

    Attributes:
        hits: (rows,), whose mean is the accuracy, or R².
        losses: (rows,).
    """

    hits: Tensor
    losses: Tensor

    @classmethod
    def of(cls, outputs: Tensor, target: Tensor, loss: Loss) -> Judged:
        """From the outputs of the rows."""
        target = target.to(outputs.device)
        return cls(quality_per_row(outputs, target, loss.kind), loss.per_row(outputs, target))

    @property
    def quality(self) -> float:
        """Accuracy, or R²."""
        return float(self.hits.double().mean())

    @property
    def loss(self) -> float:
        """Mean loss."""
        return float(self.losses.double().mean())

    @property
    def error(self) -> float:
        """Standard error of the quality."""
        return standard_error(self.hits)

    @property
    def leaves_room(self) -> bool:
        """Whether a plan that got everything right would be better beyond noise."""
        return in_errors(1 - self.hits) > SURE

    def clearly_better(self, other: Judged) -> bool:
        """Whether `other` gets more rows wrong by two standard errors of the paired difference."""
        return in_errors(self.hits - other.hits) > 2

    def beats(self, other: Judged) -> bool:
        """By quality where it tells the two apart, else by loss where that does, on the same rows."""
        gain = in_errors(self.hits - other.hits)
        if abs(gain) > SURE:
            return gain > 0
        return gain >= 0 and in_errors(other.losses - self.losses) > SURE


def judge(network: nn.Module, held: TensorBatches, loss: Loss, device: torch.device) -> Judged:
    """Run `network` over all held rows, in evaluation mode, where it is left."""
    network.eval()
    fields, target = rows_in_pieces(held, device)
    with torch.no_grad():
        outputs = torch.cat([network(*inputs) for inputs in fields])
    return Judged.of(outputs, target, loss)


def in_errors(gains: Tensor) -> float:
    """Mean of paired gains in its own standard errors."""
    mean, error = float(gains.double().mean()), standard_error(gains)
    return mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0


def standard_error(values: Tensor) -> float:
    """Of the mean of `values`; 0 for a single one."""
    return float(values.double().std()) / math.sqrt(len(values)) if len(values) > 1 else 0.0
