"""Rotation about the middle of the picture."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.augment.pixels import Size, check_per_image, uniform
from ravine.regularize.augment.transform import Geometry
from ravine.regularize.augment.warp import Edge, affine_matrix, check_edge, warp


def rotation_matrix(degrees: Tensor, height: int, width: int) -> Tensor:
    """Where points go: turned counter-clockwise, as seen, about the middle.

    Args:
        degrees: (batch,).
        height: Of the pictures.
        width: Of the pictures.

    Returns: (batch, 3, 3).
    """
    angle = degrees * (math.pi / 180)
    sin, cos = angle.sin(), angle.cos()
    # y points down: seen turning counter-clockwise, sin changes its sign.
    linear = torch.stack((cos, sin, -sin, cos), 1).view(-1, 2, 2)
    return affine_matrix(linear, height, width)


def rotate(images: Tensor, degrees: Tensor, edge: Edge = "border") -> Tensor:
    """Each picture turned counter-clockwise about its middle.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        degrees: (batch,).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype.
    """
    check_per_image("rotation", "degrees", degrees, images)
    return warp(images, rotation_matrix(degrees, *images.shape[2:]), edge)


class Rotation(Geometry):
    """`rotate` by an angle uniform in [−most, most] degrees.

    Args:
        most: Largest angle in degrees.
        p: Probability of each picture.
        edge: What lies beyond the edge.
        generator: Source of chance; the global one when None.
    """

    name = "rotation"

    def __init__(
        self, most: float = 10.0, p: float = 1.0, edge: Edge = "border", generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator, check_edge(edge))
        self.most = NON_NEGATIVE.check("rotation", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing is turned."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"rotation by up to {self.most:g}°"

    def draw(self, size: Size, generator: Generator | None) -> Tensor:
        """Where points go, (batch, 3, 3)."""
        return rotation_matrix(uniform(size, -self.most, self.most, generator), size.height, size.width)


def random_rotation(images: Tensor, most: float, generator: Generator | None = None, edge: Edge = "border") -> Tensor:
    """Each picture turned by its own angle, uniform in [−most, most] degrees; 0 changes nothing."""
    return Rotation(most, edge=edge).drawn(images, generator)
