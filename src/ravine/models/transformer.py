"""The transformer encoder, on steps of a sequence or patches of a picture."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.models.blocks import Fold, fold_side
from ravine.models.family import Family, Order, Size

HEAD_WIDTH = 32
"""Channels of one attention head, where the width allows."""


class Transformer(nn.Module):
    """Sequences (batch, length, features) or pictures (batch, channels, h, w) → (batch, outputs).

    - tokens: steps as they are, or square patches of a picture (about 7 a side), each a vector
    - embed: linear to `width`, plus a learned position, (batch, tokens, width)
    - `depth` blocks: attention, then a layer of 2·width GELU units, each normalized before and
      added to its input
    - normalization, mean over tokens, dropout, head

    Its activation is GELU; `activation` is not used.
    """

    def __init__(self, order: Order) -> None:
        super().__init__()
        width, dropout = order.size.width, order.size.dropout
        heads = _heads(width)
        self.tokens = Tokens(order.shape)
        self.embed = nn.Linear(self.tokens.features, width)
        self.position = nn.Parameter(torch.randn(self.tokens.count, width) * 0.02)
        self.blocks = nn.Sequential(
            *(Block(width, heads, dropout, blocks=order.size.depth) for _ in range(order.size.depth))
        )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, order.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The answer, (batch, outputs)."""
        steps = self.blocks(self.embed(self.tokens(x)) + self.position)
        out: Tensor = self.head(self.dropout(self.norm(steps).mean(dim=1)))
        return out


class Tokens(nn.Module):
    """What attention looks at: (batch, count, features)."""

    def __init__(self, shape: InputShape) -> None:
        super().__init__()
        self.fold: nn.Module | None = None
        if shape.form == "image":
            side = fold_side(shape.height, shape.width, least=6)
            self.fold = Fold(side, shape.height, shape.width)
            self.count = -(-shape.height // side) * -(-shape.width // side)
            self.features = shape.channels * side**2
        else:
            self.count, self.features = shape.length, shape.features

    def forward(self, x: Tensor) -> Tensor:
        """The tokens of a row."""
        return x if self.fold is None else self.fold(x).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Attention and a hidden layer, each added to its input: (batch, tokens, width) → the same."""

    def __init__(self, width: int, heads: int, dropout: float, blocks: int) -> None:
        super().__init__()
        self.heads, self.rate, self.blocks = heads, dropout, blocks
        self.before_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.before_hidden = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def start(self) -> None:
        """Shrink what is added by 1/√(2·blocks), so that the sum of all branches keeps its size."""
        with torch.no_grad():
            for layer in (self.mix, self.narrow):
                layer.weight.mul_(1 / math.sqrt(2 * self.blocks))

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        x = x + self.dropout(self.mix(self._attend(self.before_attention(x))))
        out: Tensor = x + self.dropout(self.narrow(nnf.gelu(self.widen(self.before_hidden(x)))))
        return out

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rate = self.rate if self.training else 0.0
        return nnf.scaled_dot_product_attention(q, k, v, dropout_p=rate).transpose(1, 2).flatten(2)


def _heads(width: int) -> int:
    """As many heads of about 32 channels as divide the width."""
    heads = max(1, width // HEAD_WIDTH)
    if width % heads:
        raise BadValue(refusal("transformer", "width", f"be a multiple of {HEAD_WIDTH}, or below it", width))
    return heads


def size(shape: InputShape, outputs: int, rows: int) -> Size:
    """Small: attention needs many rows before it needs many channels."""
    del shape, outputs
    return Size(
        width=64 if rows < 20_000 else 128,
        depth=2 if rows < 5_000 else 4,
        dropout=0.2 if rows < 5_000 else 0.1,
    )


FAMILY = Family(
    name="transformer",
    make=Transformer,
    size=size,
    forms=("sequence", "image"),
    source=Source("Vaswani et al.", 2017, "Attention Is All You Need", arxiv="1706.03762"),
)
