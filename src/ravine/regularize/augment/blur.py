"""Blur by a Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.augment.pixels import Size, check_per_image, on_unit, uniform
from ravine.regularize.augment.through_kornia import kornia_filters
from ravine.regularize.augment.transform import Pixels
from ravine.regularize.places import check_images

SHARPEST = 0.05
"""Pixels of standard deviation at which a Gaussian is one pixel: beside it there is e^(−1/(2·0.05²)) ≈ 10⁻⁸⁷."""


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Each picture blurred by its own Gaussian, edges repeated.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        sigma: Standard deviations in pixels, at least 0, (batch,).

    Returns: New pictures of the same shape and dtype; where sigma is 0, the very same.
    """
    check_images("blur", images)
    check_per_image("blur", "sigma", sigma, images)
    work, back = on_unit(images)
    widest = float(sigma.max()) if len(sigma) else 0.0
    return torch.where((sigma <= SHARPEST)[:, None, None, None], images, back(_blurred(work, sigma, widest)))


class Blur(Pixels):
    """`blur` with a standard deviation uniform in [0, most] pixels.

    Args:
        most: In pixels.
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "blur"

    def __init__(self, most: float = 1.0, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = NON_NEGATIVE.check("blur", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"blur of up to {self.most:g} pixel{'s' if self.most > 1 else ''}"

    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """The pictures blurred; masks as they were."""
        return _blurred(images, uniform(Size.of(images), 0, self.most, generator), self.most), masks


def random_blur(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """Each picture blurred by its own Gaussian of up to `most` pixels; 0 changes nothing."""
    return Blur(most).drawn(images, generator)


def _blurred(images: Tensor, sigma: Tensor, widest: float) -> Tensor:
    """Float pictures blurred; the kernel has room for three times the widest sigma, as far as the picture has."""
    side = 2 * max(1, min(math.ceil(3 * widest), (min(images.shape[2:]) - 1) // 2)) + 1
    spread = sigma.clamp_min(SHARPEST).to(images.dtype)[:, None].expand(-1, 2)
    out: Tensor = kornia_filters().gaussian_blur2d(images, (side, side), spread, border_type="replicate")
    return out
