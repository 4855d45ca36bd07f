"""One pass over the pixels for all that changes colours linearly.

Brightness, contrast, saturation, hue, casts and PCA offsets are all maps x ↦ A·x + b of the colour of a pixel,
one for each picture. They are multiplied into one, and every pixel is read and clamped once. Changed one after
the other, a pixel that leaves the scale would be clamped in between as well.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ravine.regularize.augment.pixels import check_per_image, on_unit
from ravine.regularize.places import check_images

LUMA = (0.299, 0.587, 0.114)
"""Share of red, green and blue in the grey of a colour: ITU-R BT.601, as Pillow and Kornia weigh them."""


class ColorMap(NamedTuple):
    """x ↦ matrix·x + offset on colours, one for each picture."""

    matrix: Tensor  # (batch, channels, channels)
    offset: Tensor  # (batch, channels)

    def after(self, first: ColorMap) -> ColorMap:
        """This map after `first`."""
        return ColorMap(self.matrix @ first.matrix, _times(self.matrix, first.offset) + self.offset)

    def of(self, colors: Tensor) -> Tensor:
        """Colours mapped, one for each picture, (batch, channels)."""
        return _times(self.matrix, colors) + self.offset

    def where(self, which: Tensor | None) -> ColorMap:
        """This map for the pictures named by `which`, bool (batch,), and no change for the others; None: for all."""
        if which is None:
            return self
        nothing = no_change(self.matrix)
        matrix = torch.where(which[:, None, None], self.matrix, nothing.matrix)
        return ColorMap(matrix, torch.where(which[:, None], self.offset, nothing.offset))


def no_change(like: Tensor) -> ColorMap:
    """The map that changes nothing, for as many pictures and channels as the matrix `like` has."""
    batch, channels = like.shape[0], like.shape[1]
    eye = torch.eye(channels, device=like.device, dtype=like.dtype)
    return ColorMap(eye.expand(batch, channels, channels), eye.new_zeros(batch, channels))


def scaled(factor: Tensor, offset: Tensor) -> ColorMap:
    """Every channel times the factor of its picture, (batch,), plus an offset, (batch, channels)."""
    eye = torch.eye(offset.shape[1], device=factor.device, dtype=factor.dtype)
    return ColorMap(factor[:, None, None] * eye, offset)


def grey_of(colors: Tensor) -> Tensor:
    """The grey of colours (batch, channels), (batch,): by `LUMA` for three channels, else their mean."""
    if colors.shape[1] != 3:
        return colors.mean(1)
    return colors @ colors.new_tensor(LUMA)


def recolored(images: Tensor, change: ColorMap) -> Tensor:
    """Float pictures with every pixel mapped and clamped to [0, 1]: new ones, (batch, channels, height, width)."""
    matrix, offset = (part.to(images.dtype) for part in change)
    return torch.baddbmm(offset[:, :, None], matrix, images.flatten(2)).clamp_(0, 1).view_as(images)


def recolor(images: Tensor, change: ColorMap) -> Tensor:
    """Every pixel mapped and clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
        change: One map for each picture.

    Returns: New pictures of the same shape and dtype; where a map changes nothing, the very same.
    """
    check_images("recolor", images)
    channels = images.shape[1]
    check_per_image("recolor", "matrix", change.matrix, images, channels, channels)
    check_per_image("recolor", "offset", change.offset, images, channels)
    work, back = on_unit(images)
    nothing = no_change(change.matrix)
    same = (change.matrix == nothing.matrix).all(2).all(1) & (change.offset == 0).all(1)
    return torch.where(same[:, None, None, None], images, back(recolored(work, change)))


def _times(matrix: Tensor, colors: Tensor) -> Tensor:
    return (matrix @ colors[:, :, None]).squeeze(2)
