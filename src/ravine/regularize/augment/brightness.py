"""Brightness: every colour times a factor."""

from __future__ import annotations

from torch import Generator, Tensor

from ravine.core.intervals import UNIT
from ravine.regularize.augment.colors import ColorMap, recolor, scaled
from ravine.regularize.augment.pixels import Size, check_per_image, uniform
from ravine.regularize.augment.transform import Coloring
from ravine.regularize.places import check_images


def brightness_map(factor: Tensor, channels: int) -> ColorMap:
    """X ↦ factor·x, factor (batch,)."""
    return scaled(factor, factor.new_zeros(len(factor), channels))


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Every colour of a picture times its factor, clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
        factor: At least 0, 1 for no change, (batch,).

    Returns: New pictures of the same shape and dtype.
    """
    check_images("brightness", images)
    check_per_image("brightness", "factor", factor, images)
    return recolor(images, brightness_map(factor, images.shape[1]))


class Brightness(Coloring):
    """`adjust_brightness` by a factor uniform in [1 − most, 1 + most].

    Args:
        most: In [0, 1].
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "brightness"

    def __init__(self, most: float = 0.2, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = UNIT.check("brightness", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"brightness by up to {self.most:.0%}"

    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change."""
        factor = uniform(Size.of(images), 1 - self.most, 1 + self.most, generator)
        return brightness_map(factor.to(images.dtype), average.shape[1])


def random_brightness(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """Each picture brighter or darker by its own factor in [1 − most, 1 + most]; 0 changes nothing."""
    return Brightness(most).drawn(images, generator)
