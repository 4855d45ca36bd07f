"""Saturation: every colour nearer to its own grey, or further from it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.intervals import UNIT
from ravine.regularize.augment.colors import LUMA, ColorMap, recolor
from ravine.regularize.augment.pixels import Size, check_colored, check_per_image, uniform
from ravine.regularize.augment.transform import Coloring


def saturation_map(factor: Tensor) -> ColorMap:
    """X ↦ factor·x + (1 − factor)·grey(x), factor (batch,)."""
    eye = torch.eye(3, device=factor.device, dtype=factor.dtype)
    grey = factor.new_tensor(LUMA).expand(3, 3)
    blend = factor[:, None, None]
    return ColorMap(blend * eye + (1 - blend) * grey, factor.new_zeros(len(factor), 3))


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Each colour blended with its own grey, clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, 3, height, width). Not changed.
        factor: 0 is grey, 1 no change, above 1 more colourful, (batch,).

    Returns: New pictures of the same shape and dtype.
    """
    check_colored("saturation", images)
    check_per_image("saturation", "factor", factor, images)
    return recolor(images, saturation_map(factor))


class Saturation(Coloring):
    """`adjust_saturation` by a factor uniform in [1 − most, 1 + most].

    Args:
        most: In [0, 1].
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "saturation"
    colored = True

    def __init__(self, most: float = 0.2, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = UNIT.check("saturation", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"saturation by up to {self.most:.0%}"

    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change."""
        check_colored("saturation", images)
        factor = uniform(Size.of(images), 1 - self.most, 1 + self.most, generator)
        return saturation_map(factor.to(average.dtype))


def random_saturation(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """Each picture more or less colourful by its own factor in [1 − most, 1 + most]; 0 changes nothing."""
    return Saturation(most).drawn(images, generator)
