"""A colour cast: another light, which adds its own amount to red, to green and to blue."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.intervals import UNIT
from ravine.regularize.augment.colors import ColorMap, recolor, scaled
from ravine.regularize.augment.pixels import check_colored, check_per_image
from ravine.regularize.augment.transform import Coloring


def color_cast(images: Tensor, offset: Tensor) -> Tensor:
    """Every colour of a picture plus its offset, clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, 3, height, width). Not changed.
        offset: Of red, green and blue, on the scale 0 … 1, (batch, 3).

    Returns: New pictures of the same shape and dtype.
    """
    check_colored("color-cast", images)
    check_per_image("color-cast", "offset", offset, images, 3)
    return recolor(images, scaled(offset.new_ones(len(offset)), offset))


class ColorCast(Coloring):
    """`color_cast` by offsets uniform in [−most, most], each channel its own.

    Args:
        most: In [0, 1].
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "color-cast"
    colored = True

    def __init__(self, most: float = 0.08, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = UNIT.check("color-cast", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"colour cast by up to {self.most:.0%}"

    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change."""
        check_colored("color-cast", images)
        offset = torch.rand(len(images), 3, device=images.device, generator=generator) * (2 * self.most) - self.most
        return scaled(average.new_ones(len(images)), offset.to(average.dtype))


def random_color_cast(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """Each picture under its own light: red, green and blue shifted by up to `most`; 0 changes nothing."""
    return ColorCast(most).drawn(images, generator)
