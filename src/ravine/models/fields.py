"""Rows of any form as flat numbers: the way in for networks without structure."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ravine.core.shapes import InputShape


def embedding_width(cardinality: int) -> int:
    """How many numbers stand for one of `cardinality` codes.

    min(50, ⌈1.6·n^0.56⌉), a rule of thumb that grew from many tables.

    >>> [embedding_width(n) for n in (2, 8, 100, 10_000)]
    [3, 6, 22, 50]
    """
    return min(50, math.ceil(1.6 * math.pow(cardinality, 0.56)))


class TableFields(nn.Module):
    """Numbers and codes → one vector.

    (batch, numeric) float, (batch, columns) int64 → (batch, width): the numbers as they are, each
    code as its embedding. A field without columns is given all the same, with width 0, and not read.
    """

    def __init__(self, shape: InputShape) -> None:
        super().__init__()
        sizes = [embedding_width(n) for n in shape.cardinalities]
        self.embeddings = nn.ModuleList(
            nn.Embedding(n, size) for n, size in zip(shape.cardinalities, sizes, strict=True)
        )
        self.numeric = shape.numeric
        self.width = shape.numeric + sum(sizes)

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """The row as one vector, (batch, width)."""
        parts = [numeric] if self.numeric else []
        parts += [embed(codes[:, column]) for column, embed in enumerate(self.embeddings)]
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


class FlatFields(nn.Module):
    """One field of any shape → one vector: (batch, *) → (batch, width)."""

    def __init__(self, shape: InputShape) -> None:
        super().__init__()
        if shape.form == "image":
            self.width = shape.channels * shape.height * shape.width
        else:
            self.width = shape.length * shape.features

    def forward(self, x: Tensor) -> Tensor:
        """The row as one vector, (batch, width)."""
        return x.flatten(1)


def flat_fields(shape: InputShape) -> TableFields | FlatFields:
    """What turns the fields of `shape` into one vector a row."""
    return TableFields(shape) if shape.form == "table" else FlatFields(shape)


class SequenceFields(nn.Module):
    """Rows as a sequence of vectors.

    - sequence (batch, length, features): as it is;
    - image (batch, channels, height, width): line by line, (batch, height, channels·width).
    """

    def __init__(self, shape: InputShape) -> None:
        super().__init__()
        self.image = shape.form == "image"
        self.length = shape.height if self.image else shape.length
        self.features = shape.channels * shape.width if self.image else shape.features

    def forward(self, x: Tensor) -> Tensor:
        """The row as a sequence, (batch, length, features)."""
        return x.transpose(1, 2).flatten(2) if self.image else x
