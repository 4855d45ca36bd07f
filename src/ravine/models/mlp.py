"""The multilayer perceptron, with a straight way past the hidden layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.initialize.activations import activation_module
from ravine.models.family import Family, Order, Size
from ravine.models.fields import flat_fields

SMALL = 0.1
"""Factor on the head's first weights."""


class MLP(nn.Module):
    """Fields of any form → outputs; `depth` hidden layers of `width` units.

    Tables: `forward(numeric, codes)` with (batch, numeric) float and (batch, columns) int64; codes
    pass through embeddings. Images and sequences: `forward(x)`, flattened.

    - in: (batch, …) → flat (batch, inputs)
    - hidden: (batch, width), `depth` times: linear, activation, dropout
    - out: head(hidden) + skip(flat), (batch, outputs)

    The skip is a linear model of its own, so that the network contains the linear model and need
    only learn what that misses; on a few hundred rows this decides.
    """

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.fields = flat_fields(order.shape)
        width, dropout = order.size.width, order.size.dropout
        layers: list[nn.Module] = []
        inward = self.fields.width
        for _ in range(order.size.depth):
            layers += [nn.Linear(inward, width), activation_module(order.activation)]
            if dropout:
                layers.append(nn.Dropout(dropout))
            inward = width
        self.hidden = nn.Sequential(*layers)
        self.skip = nn.Linear(self.fields.width, order.outputs, bias=False)
        self.head = nn.Linear(inward, order.outputs)

    def start(self) -> None:
        """Begin near a constant answer, so that the skip has first say and hidden units earn theirs.

        The skip starts at 0: a single linear layer has no units to tell apart. The head starts small.
        """
        nn.init.zeros_(self.skip.weight)
        with torch.no_grad():
            self.head.weight.mul_(SMALL)

    def forward(self, *fields: Tensor) -> Tensor:
        """The answer, (batch, outputs)."""
        flat = self.fields(*fields)
        out: Tensor = self.head(self.hidden(flat)) + self.skip(flat)
        return out


def size(shape: InputShape, outputs: int, rows: int) -> Size:
    """Wider with more rows, and more dropout with fewer: a few hundred rows are learned by heart otherwise."""
    del shape
    width = next((width for most, width in ((1_000, 64), (5_000, 128), (200_000, 256)) if rows < most), 512)
    return Size(
        width=max(width, min(512, 2 * outputs)),
        depth=2 if rows < 20_000 else 3,
        dropout=next((p for most, p in ((1_000, 0.5), (5_000, 0.3), (20_000, 0.1)) if rows < most), 0.0),
    )


FAMILY = Family(
    name="mlp",
    make=MLP,
    size=size,
    forms=("table", "image", "sequence"),
    source=Source("Rumelhart et al.", 1986, "Learning Representations by Back-Propagating Errors", "Nature 323"),
)
