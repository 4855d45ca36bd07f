"""The gated recurrent network, read in both directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.models.family import Family, Order, Size
from ravine.models.fields import SequenceFields


class GRUNet(nn.Module):
    """Sequences (batch, length, features) → (batch, outputs); pictures are read line by line.

    - gru: `depth` layers of `width` units in each direction, (batch, length, 2·width)
    - mean and maximum over time, (batch, 4·width): what holds throughout, and what happens once
    - dropout, head

    The gates bring their own activations; `activation` is not used.
    """

    def __init__(self, order: Order) -> None:
        super().__init__()
        width, depth, dropout = order.size.width, order.size.depth, order.size.dropout
        self.fields = SequenceFields(order.shape)
        self.gru = nn.GRU(
            self.fields.features,
            width,
            num_layers=depth,
            batch_first=True,
            dropout=dropout if depth > 1 else 0.0,
            bidirectional=True,
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, order.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The answer, (batch, outputs)."""
        steps, _ = self.gru(self.fields(x))
        pooled = torch.cat([steps.mean(dim=1), steps.amax(dim=1)], dim=1)
        out: Tensor = self.head(self.dropout(pooled))
        return out


def size(shape: InputShape, outputs: int, rows: int) -> Size:
    """Wider with more rows; a second layer once there are enough to fill it."""
    del shape, outputs
    return Size(
        width=32 if rows < 2_000 else 64 if rows < 20_000 else 128,
        depth=1 if rows < 5_000 else 2,
        dropout=0.2 if rows < 5_000 else 0.1,
    )


FAMILY = Family(
    name="gru",
    make=GRUNet,
    size=size,
    forms=("sequence", "image"),
    source=Source(
        "Cho et al.",
        2014,
        "Learning Phrase Representations Using RNN Encoder-Decoder for Statistical Machine Translation",
        arxiv="1406.1078",
    ),
)
