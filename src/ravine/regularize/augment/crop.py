"""Crops of the padded picture, flipped where asked: whole pixels in one gather."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE, UNIT
from ravine.regularize.augment.pixels import check_per_image
from ravine.regularize.augment.transform import Pixels
from ravine.regularize.augment.warp import Edge, check_edge
from ravine.regularize.places import check_images, gather_places
from ravine.regularize.shift import random_offsets


def crop(
    images: Tensor,
    down: Tensor,
    right: Tensor,
    mirrored: Tensor | None = None,
    edge: Edge = "border",
) -> Tensor:
    """Each picture padded, and a window of its own size cut out: the content moves down and to the right.

    Args:
        images: Any dtype, (batch, channels, height, width). Not changed.
        down: int64 pixels, negative for up, (batch,).
        right: int64 pixels, negative for left, (batch,).
        mirrored: Which are flipped left to right afterwards, bool (batch,); None for none of them.
        edge: What the padding repeats: the edge, nothing, or the picture mirrored about its outermost pixels.

    Returns: New pictures of the same shape and dtype.
    Source: Krizhevsky et al. 2012, section 4.1; with padding, Lee et al. 2015 (arXiv:1409.5185).
    """
    check_images("crop", images)
    check_edge(edge)
    for name, value in (("down", down), ("right", right)):
        check_per_image("crop", name, value, images)
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - down[:, None]
    columns = torch.arange(width, device=images.device) - right[:, None]
    if mirrored is not None:
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    out = gather_places(images, _inside(rows, height, edge), _inside(columns, width, edge))
    if edge == "zeros":
        beyond = ((rows < 0) | (rows >= height))[:, None, :, None] | ((columns < 0) | (columns >= width))[:, None, None]
        out = out.masked_fill_(beyond, 0)
    return out


class Crop(Pixels):
    """`crop` of pictures padded by `padding` pixels at a random place, flipped with probability `flip`.

    Args:
        padding: Largest move, in pixels.
        flip: Probability of a flip; 0 for pictures whose mirror image means something else.
        p: Probability of each picture.
        edge: What the padding repeats.
        generator: Source of chance; the global one when None.
    """

    name = "crop"
    any_scale = True

    def __init__(
        self,
        padding: int = 4,
        flip: float = 0.0,
        p: float = 1.0,
        edge: Edge = "border",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p, generator)
        self.padding = int(NON_NEGATIVE.check("crop", "padding", padding))
        self.flip = UNIT.check("crop", "flip", flip)
        self.edge: Edge = check_edge(edge)

    @property
    def idle(self) -> bool:
        """Whether nothing moves."""
        return self.p == 0 or self.padding == self.flip == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        moves = f"shifts by up to {self.padding} pixel{'s' if self.padding > 1 else ''}"
        return " and ".join(([moves] if self.padding else []) + (["horizontal flips"] if self.flip else []))

    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """The pictures moved, the masks with them."""
        batch, device = len(images), images.device
        down, right = random_offsets(batch, self.padding, device, generator)
        mirrored = torch.rand(batch, device=device, generator=generator) < self.flip if self.flip else None
        out = crop(images, down, right, mirrored, self.edge)
        if masks is not None:
            layers = masks[:, None] if masks.ndim == 3 else masks
            masks = crop(layers, down, right, mirrored, self.edge).view_as(masks)
        return out, masks


def random_crop(
    images: Tensor, padding: int, generator: Generator | None = None, flip: float = 0.0, edge: Edge = "border"
) -> Tensor:
    """Each picture padded and cut at its own place, flipped with probability `flip`; 0 and 0 change nothing."""
    return Crop(padding, flip, edge=edge).drawn(images, generator)


def _inside(places: Tensor, side: int, edge: Edge) -> Tensor:
    """Places beyond the edge brought back to where the padding reads."""
    if edge == "reflection" and side > 1:
        turn = 2 * (side - 1)
        places = places.remainder(turn)
        return torch.where(places < side, places, turn - places)
    return places.clamp(0, side - 1)
