"""Contrast: every colour nearer to the mean grey of its picture, or further from it."""

from __future__ import annotations

from torch import Generator, Tensor

from ravine.core.intervals import UNIT
from ravine.regularize.augment.colors import ColorMap, grey_of, recolor, scaled
from ravine.regularize.augment.pixels import Size, check_per_image, on_unit, uniform
from ravine.regularize.augment.transform import Coloring
from ravine.regularize.places import check_images


def contrast_map(factor: Tensor, average: Tensor) -> ColorMap:
    """X ↦ factor·x + (1 − factor)·mean grey.

    Args:
        factor: (batch,).
        average: Mean colour of each picture, (batch, channels).
    """
    grey = grey_of(average)
    return scaled(factor, ((1 - factor) * grey)[:, None].expand_as(average))


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Each picture blended with its own mean grey, clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
        factor: 0 is flat grey, 1 no change, above 1 more contrast, (batch,).

    Returns: New pictures of the same shape and dtype.
    """
    check_images("contrast", images)
    check_per_image("contrast", "factor", factor, images)
    average = on_unit(images)[0].mean((2, 3))
    return recolor(images, contrast_map(factor, average))


class Contrast(Coloring):
    """`adjust_contrast` by a factor uniform in [1 − most, 1 + most].

    Args:
        most: In [0, 1].
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "contrast"

    def __init__(self, most: float = 0.2, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = UNIT.check("contrast", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"contrast by up to {self.most:.0%}"

    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change."""
        factor = uniform(Size.of(images), 1 - self.most, 1 + self.most, generator)
        return contrast_map(factor.to(images.dtype), average)


def random_contrast(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """Each picture with contrast changed by its own factor in [1 − most, 1 + most]; 0 changes nothing."""
    return Contrast(most).drawn(images, generator)
