"""Random shifts: each picture moved by a few pixels."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.places import check_images, gather_places, moved_places


def shift(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Move each picture `down` and to the `right`; what comes in at an edge repeats the edge.

    The same as padding by repeated edges and cropping. Repeated edges, unlike zeros, look the same
    whether pictures are standardized or not.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        down: int64 pixels, negative for up, (batch,).
        right: int64 pixels, negative for left, (batch,).

    Returns: New pictures of the same shape and dtype.
    Source: Krizhevsky et al. 2012, section 4.1 (translations).
    """
    check_images("shift", images)
    return gather_places(images, moved_places(images.shape[2], down), moved_places(images.shape[3], right))


def random_shift(images: Tensor, most: int, generator: Generator | None = None) -> Tensor:
    """Each picture moved by its own whole number of pixels, uniform in [−most, most], in both directions.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        most: Largest move in pixels; 0 changes nothing.
        generator: Source of chance, on the device of the images; the global one when None.
    """
    check_images("shift", images)
    NON_NEGATIVE.check("shift", "most", most)
    if most == 0:
        return images
    down, right = random_offsets(len(images), most, images.device, generator)
    return shift(images, down, right)


def random_offsets(batch: int, most: int, device: torch.device, generator: Generator | None) -> tuple[Tensor, Tensor]:
    """Two moves for each picture, int64 (batch,) each, uniform in [−most, most]."""
    both = torch.randint(-most, most + 1, (2, batch), device=device, generator=generator)
    return both[0], both[1]


class Shift(nn.Module):
    """`random_shift` while training, nothing in evaluation: (batch, channels, h, w) → the same."""

    def __init__(self, most: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.most = int(NON_NEGATIVE.check("shift", "most", most))
        self.generator = generator

    def forward(self, images: Tensor) -> Tensor:
        """The pictures, moved."""
        return random_shift(images, self.most, self.generator) if self.training else images

    def extra_repr(self) -> str:
        """The settings."""
        return f"most={self.most}"
