"""The light augmentation: what hardly any label minds."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from ravine.core.shapes import InputShape
from ravine.regularize.places import gather_places, moved_places
from ravine.regularize.shift import random_offsets

REACH = 1 / 16
"""Largest shift as a share of the side; at least one pixel."""


class LightImages(nn.Module):
    """Shifts, and flips where asked, in one gather: (batch, channels, h, w) → ((batch, channels, h, w),).

    The same as `random_shift` and `random_flip`, one after the other, at the price of one of them.
    Does nothing in evaluation.
    """

    def __init__(self, most: int, *, flip: bool, generator: Generator | None = None) -> None:
        super().__init__()
        self.most = most
        self.flip = flip
        self.generator = generator

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """The pictures, moved."""
        if not self.training:
            return (images,)
        batch, _, height, width = images.shape
        down, right = random_offsets(batch, self.most, images.device, self.generator)
        rows, columns = moved_places(height, down), moved_places(width, right)
        if self.flip:
            mirrored = torch.rand(batch, device=images.device, generator=self.generator) < 0.5
            columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        return (gather_places(images, rows, columns),)

    def extra_repr(self) -> str:
        """The settings."""
        return f"most={self.most}, flip={self.flip}"


class LightNothing(nn.Module):
    """Fields as they are: for rows that no change is known to leave their label."""

    def forward(self, *fields: Tensor) -> tuple[Tensor, ...]:
        """The same fields."""
        return fields


def light(shape: InputShape, flip: bool = False, generator: Generator | None = None) -> nn.Module:
    """The light augmentation for rows of `shape`: fields in, the same fields out, as a tuple.

    - image: shifts by up to a sixteenth of the shorter side, at least one pixel; horizontal flips
      only where `flip` says that a mirror image means the same;
    - table, sequence: nothing.

    Args:
        shape: The fields of one prepared row.
        flip: Whether mirror images keep their label.
        generator: Source of chance, on the device of the fields; the global one when None.
    """
    if shape.form != "image":
        return LightNothing()
    return LightImages(reach_of(shape.height, shape.width), flip=flip, generator=generator)


def reach_of(height: int, width: int) -> int:
    """The largest shift of pictures of that size, in pixels."""
    return max(1, round(min(height, width) * REACH))
