"""The network that is trained and kept: preparation and body in one module, from raw fields to outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """`body` after `normalizer`, so that raw fields go in and no statistic can be forgotten.

    Args:
        normalizer: Raw fields → normalized fields; its statistics are buffers.
        body: Normalized fields → outputs, (batch, outputs).
        spare_empty: Leave fields without columns away: Ravine's own networks take the codes of a table
            even when there are none, other people's do not expect them.
    """

    def __init__(self, normalizer: nn.Module, body: nn.Module, *, spare_empty: bool = False) -> None:
        super().__init__()
        self.normalizer = normalizer
        self.body = body
        self.spare_empty = spare_empty

    def forward(self, *fields: Tensor) -> Tensor:
        """Outputs of raw fields: logits, or standardised values, (batch, outputs)."""
        normalized = self.normalizer(*fields)
        given = normalized if isinstance(normalized, tuple) else (normalized,)
        if self.spare_empty:
            given = tuple(field for field in given if field.shape[-1] > 0)
        outputs: Tensor = self.body(*given)
        return outputs

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        first = next(self.parameters(), None)
        return first.device if first is not None else torch.device("cpu")
