"""Random horizontal flips."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from ravine.core.intervals import UNIT
from ravine.regularize.places import check_images


def flip(images: Tensor, which: Tensor) -> Tensor:
    """Mirror the pictures named by `which`, left to right.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        which: bool (batch,).

    Returns: New pictures of the same shape and dtype.
    Source: Krizhevsky et al. 2012, section 4.1 (horizontal reflections).
    """
    check_images("flip", images)
    chosen = which.nonzero().squeeze(1)
    return images.index_copy(0, chosen, images.index_select(0, chosen).flip(3))


def random_flip(images: Tensor, p: float = 0.5, generator: Generator | None = None) -> Tensor:
    """Each picture mirrored with probability `p`.

    For pictures whose mirror image means the same: no digits, no text.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        p: Probability in [0, 1]; 0 changes nothing.
        generator: Source of chance, on the device of the images; the global one when None.
    """
    UNIT.check("flip", "p", p)
    if p == 0:
        return images
    return flip(images, torch.rand(len(images), device=images.device, generator=generator) < p)


class Flip(nn.Module):
    """`random_flip` while training, nothing in evaluation: (batch, channels, h, w) → the same."""

    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        super().__init__()
        self.p = UNIT.check("flip", "p", p)
        self.generator = generator

    def forward(self, images: Tensor) -> Tensor:
        """The pictures, some mirrored."""
        return random_flip(images, self.p, self.generator) if self.training else images

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}"
