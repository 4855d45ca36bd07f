"""Gaussian noise on every channel of every pixel."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.augment.pixels import Size, check_per_image, on_unit, uniform
from ravine.regularize.augment.transform import Pixels
from ravine.regularize.places import check_images


def gaussian_noise(images: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """Picture + std·noise, clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
        std: Of each picture, on the scale 0 … 1, (batch,).
        noise: Standard normal, of the shape of the images.

    Returns: New pictures of the same shape and dtype.
    """
    check_images("gaussian-noise", images)
    check_per_image("gaussian-noise", "std", std, images)
    check_per_image("gaussian-noise", "noise", noise, images, *images.shape[1:])
    work, back = on_unit(images)
    return back(_noisy(work, std, noise))


class GaussianNoise(Pixels):
    """`gaussian_noise` with a standard deviation uniform in [0, most].

    Args:
        most: On the scale 0 … 1.
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "gaussian-noise"

    def __init__(self, most: float = 0.05, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = NON_NEGATIVE.check("gaussian-noise", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"Gaussian noise of up to {self.most:.0%}"

    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """The pictures with noise; masks as they were."""
        std = uniform(Size.of(images), 0, self.most, generator)
        noise = torch.randn(images.shape, device=images.device, dtype=images.dtype, generator=generator)
        return _noisy(images, std, noise), masks


def random_gaussian_noise(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """Noise on each picture, its standard deviation uniform in [0, most]; 0 changes nothing."""
    return GaussianNoise(most).drawn(images, generator)


def _noisy(images: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    return torch.addcmul(images, noise.to(images.dtype), std.to(images.dtype)[:, None, None, None]).clamp_(0, 1)
