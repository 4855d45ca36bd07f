"""Cutout: a square of each picture hidden."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.places import check_images


def cutout(images: Tensor, row: Tensor, column: Tensor, side: int, fill: float = 0.0) -> Tensor:
    """Put `fill` on the square of `side` pixels around (row, column), as far as it lies inside.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        row: int64 (batch,), centre of the square.
        column: int64 (batch,), centre of the square.
        side: Side of the square in pixels; an even one reaches one pixel further up and left.
        fill: What is put there; 0 is the mean of standardized pictures.

    Returns: New pictures of the same shape and dtype.
    Source: DeVries & Taylor 2017 (arXiv:1708.04552).
    """
    check_images("cutout", images)
    hidden_rows = _inside(images.shape[2], row, side)
    hidden_columns = _inside(images.shape[3], column, side)
    hidden = hidden_rows[:, None, :, None] & hidden_columns[:, None, None, :]
    return images.masked_fill(hidden, fill)


def random_cutout(images: Tensor, side: int, fill: float = 0.0, generator: Generator | None = None) -> Tensor:
    """A square of each picture hidden, its centre uniform over all pixels.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        side: Side of the square in pixels; 0 changes nothing.
        fill: What is put there.
        generator: Source of chance, on the device of the images; the global one when None.
    """
    check_images("cutout", images)
    NON_NEGATIVE.check("cutout", "side", side)
    if side == 0:
        return images
    batch, _, height, width = images.shape
    row = torch.randint(height, (batch,), device=images.device, generator=generator)
    column = torch.randint(width, (batch,), device=images.device, generator=generator)
    return cutout(images, row, column, side, fill)


def _inside(size: int, centre: Tensor, side: int) -> Tensor:
    """Which of `size` lines are among the `side` lines around each centre: bool (batch, size)."""
    first = centre[:, None] - side // 2
    lines = torch.arange(size, device=centre.device)
    return (lines >= first) & (lines < first + side)


class Cutout(nn.Module):
    """`random_cutout` while training, nothing in evaluation: (batch, channels, h, w) → the same."""

    def __init__(self, side: int, fill: float = 0.0, generator: Generator | None = None) -> None:
        super().__init__()
        self.side = int(NON_NEGATIVE.check("cutout", "side", side))
        self.fill = fill
        self.generator = generator

    def forward(self, images: Tensor) -> Tensor:
        """The pictures, a square of each hidden."""
        return random_cutout(images, self.side, self.fill, self.generator) if self.training else images

    def extra_repr(self) -> str:
        """The settings."""
        return f"side={self.side}, fill={self.fill}"
