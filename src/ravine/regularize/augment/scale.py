"""Larger and smaller, about the middle of the picture."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.augment.pixels import Size, check_per_image, uniform
from ravine.regularize.augment.transform import Geometry
from ravine.regularize.augment.warp import Edge, affine_matrix, check_edge, warp


def scale_matrix(factor: Tensor, height: int, width: int) -> Tensor:
    """Where points go: `factor` times as far from the middle, factor (batch,); (batch, 3, 3)."""
    return affine_matrix(factor[:, None, None] * torch.eye(2, device=factor.device), height, width)


def scale(images: Tensor, factor: Tensor, edge: Edge = "border") -> Tensor:
    """What each picture shows, `factor` times as large, in a frame of the same size.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        factor: Above 0, 1 for no change, (batch,).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype.
    """
    check_per_image("scale", "factor", factor, images)
    return warp(images, scale_matrix(factor, *images.shape[2:]), edge)


class Scale(Geometry):
    """`scale` by a factor in [1/(1 + most), 1 + most], its logarithm uniform.

    Args:
        most: 0.1 for at most a tenth larger, or as much smaller.
        p: Probability of each picture.
        edge: What lies beyond the edge.
        generator: Source of chance; the global one when None.
    """

    name = "scale"

    def __init__(
        self, most: float = 0.1, p: float = 1.0, edge: Edge = "border", generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator, check_edge(edge))
        self.most = NON_NEGATIVE.check("scale", "most", most)

    @property
    def idle(self) -> bool:
        """Whether all keep their size."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"scale by up to {self.most:.0%}"

    def draw(self, size: Size, generator: Generator | None) -> Tensor:
        """Where points go, (batch, 3, 3)."""
        most = math.log1p(self.most)
        return scale_matrix(uniform(size, -most, most, generator).exp(), size.height, size.width)


def random_scale(images: Tensor, most: float, generator: Generator | None = None, edge: Edge = "border") -> Tensor:
    """Each picture scaled by its own factor in [1/(1 + most), 1 + most]; 0 changes nothing."""
    return Scale(most, edge=edge).drawn(images, generator)
