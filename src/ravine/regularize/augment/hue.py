"""Hue: colours turned about the grey axis, as bright as before."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.intervals import Interval
from ravine.regularize.augment.colors import ColorMap, recolor
from ravine.regularize.augment.pixels import Size, check_colored, check_per_image, uniform
from ravine.regularize.augment.transform import Coloring

HALF_TURN = Interval(0.0, 0.5)
"""Turns of the hue: half a turn is as far as one can go."""

TO_YIQ = (
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)
"""Red, green, blue → luma and two coordinates of colour (National Television System Committee, 1953)."""


def hue_map(turns: Tensor) -> ColorMap:
    """The two coordinates of colour in YIQ turned by so many turns, (batch,)."""
    angle = turns * (2 * math.pi)
    to_yiq = torch.tensor(TO_YIQ, device=turns.device, dtype=torch.float64)
    turned = torch.zeros(len(turns), 3, 3, device=turns.device, dtype=torch.float64)
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = angle.cos()
    turned[:, 1, 2] = angle.sin()
    turned[:, 2, 1] = -angle.sin()
    matrix = torch.linalg.inv(to_yiq) @ turned @ to_yiq
    return ColorMap(matrix.to(turns.dtype), turns.new_zeros(len(turns), 3))


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """The colours of each picture turned about the grey axis, clamped to the scale.

    A turn of YIQ's colour plane, which is linear and keeps every grey and the luma of every colour; turning
    the hue of HSV, as image editors do, keeps the largest channel instead and costs twenty times as much.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, 3, height, width). Not changed.
        turns: 0 and 1 for no change, 1/3 takes red to about green, (batch,).

    Returns: New pictures of the same shape and dtype.
    """
    check_colored("hue", images)
    check_per_image("hue", "turns", turns, images)
    change = hue_map(turns)
    eye = torch.eye(3, device=turns.device, dtype=turns.dtype)
    # The way to YIQ and back rounds: who is not turned stays the very same.
    matrix = torch.where((turns == 0)[:, None, None], eye, change.matrix)
    return recolor(images, ColorMap(matrix, change.offset))


class Hue(Coloring):
    """`adjust_hue` by turns uniform in [−most, most].

    Args:
        most: In [0, 0.5].
        p: Probability of each picture.
        generator: Source of chance; the global one when None.
    """

    name = "hue"
    colored = True

    def __init__(self, most: float = 0.05, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = HALF_TURN.check("hue", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"hue by up to {360 * self.most:g}°"

    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change."""
        check_colored("hue", images)
        return hue_map(uniform(Size.of(images), -self.most, self.most, generator).to(average.dtype))


def random_hue(images: Tensor, most: float, generator: Generator | None = None) -> Tensor:
    """The hues of each picture turned by its own angle, up to `most` turns; 0 changes nothing."""
    return Hue(most).drawn(images, generator)
