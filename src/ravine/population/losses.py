"""The loss where none is given, row by row, so that the rows of all members go through one call."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor


class CrossEntropy:
    """Cross-entropy of outputs (batch, classes) against class numbers (batch,), in nats."""

    def __call__(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The mean over the batch, a scalar."""
        return F.cross_entropy(outputs, target)

    def per_row(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Of each row, (batch,); their mean is what calling the loss gives."""
        return F.cross_entropy(outputs, target, reduction="none")
