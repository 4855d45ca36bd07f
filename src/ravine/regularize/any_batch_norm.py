"""Batch norm for any rank, and batch norm whose statistics stay as they are."""

from __future__ import annotations

from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.core.errors import BadValue, refusal


class AnyBatchNorm(_BatchNorm):
    """torch's batch norm for (batch, channels, *) of any rank from 2: for places whose rank is not known."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 (torch's own name)
        if input.ndim < 2:
            raise BadValue(refusal(type(self).__name__, "a batch", "have at least 2 dimensions", tuple(input.shape)))


class FrozenBatchNorm(AnyBatchNorm):
    """Batch norm that uses its running statistics while training too, and never changes them.

    For fine-tuning on batches too small for statistics of their own. Freeze its scale and shift as
    any parameter, by `requires_grad_(False)`.
    """

    def train(self, mode: bool = True) -> FrozenBatchNorm:
        """Stay in evaluation mode, whatever the network does."""
        del mode
        super().train(False)
        return self
