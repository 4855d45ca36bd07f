"""Shear: rows pushed aside, or columns, the more the further from the middle."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.intervals import Interval
from ravine.regularize.augment.pixels import Size, along_axes, check_axes, check_per_image
from ravine.regularize.augment.transform import Geometry
from ravine.regularize.augment.warp import Edge, affine_matrix, check_edge, warp

BELOW_RIGHT_ANGLE = Interval(0.0, 90.0, right_open=True)
"""Degrees of a shear: at 90 nothing of the picture is left."""


def shear_matrix(x_degrees: Tensor, y_degrees: Tensor, height: int, width: int) -> Tensor:
    """Where points go, as seen from the middle: x + tan(x_degrees)·y, then y + tan(y_degrees)·x.

    Args:
        x_degrees: (batch,).
        y_degrees: (batch,).
        height: Of the pictures.
        width: Of the pictures.

    Returns: (batch, 3, 3).
    """
    x, y = ((degrees * (math.pi / 180)).tan() for degrees in (x_degrees, y_degrees))
    one = torch.ones_like(x)
    linear = torch.stack((one, x, y, one + x * y), 1).view(-1, 2, 2)
    return affine_matrix(linear, height, width)


def shear(images: Tensor, x_degrees: Tensor, y_degrees: Tensor, edge: Edge = "border") -> Tensor:
    """Each picture sheared: upright lines lean by `x_degrees`, then level ones by `y_degrees`.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        x_degrees: In (−90, 90), (batch,).
        y_degrees: In (−90, 90), (batch,).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype.
    """
    check_per_image("shear", "x_degrees", x_degrees, images)
    check_per_image("shear", "y_degrees", y_degrees, images)
    return warp(images, shear_matrix(x_degrees, y_degrees, *images.shape[2:]), edge)


class Shear(Geometry):
    """`shear` by angles uniform in [−most, most] degrees.

    Args:
        most: Largest angle in degrees.
        axes: "x" pushes rows aside, "y" columns, "xy" both.
        p: Probability of each picture.
        edge: What lies beyond the edge.
        generator: Source of chance; the global one when None.
    """

    name = "shear"

    def __init__(
        self,
        most: float = 8.0,
        axes: str = "xy",
        p: float = 1.0,
        edge: Edge = "border",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p, generator, check_edge(edge))
        self.most = BELOW_RIGHT_ANGLE.check("shear", "most", most)
        self.axes = check_axes("shear", axes)

    @property
    def idle(self) -> bool:
        """Whether nothing leans."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"shear by up to {self.most:g}°"

    def draw(self, size: Size, generator: Generator | None) -> Tensor:
        """Where points go, (batch, 3, 3)."""
        x, y = along_axes(self.axes, self.most, size, generator)
        return shear_matrix(x, y, size.height, size.width)


def random_shear(images: Tensor, most: float, generator: Generator | None = None, edge: Edge = "border") -> Tensor:
    """Each picture sheared in x and in y by its own angles up to `most` degrees; 0 changes nothing."""
    return Shear(most, edge=edge).drawn(images, generator)
