"""Perspective: the picture as seen from another place."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.intervals import BELOW_ONE
from ravine.regularize.augment.pixels import Size, check_per_image
from ravine.regularize.augment.through_kornia import kornia_geometry
from ravine.regularize.augment.transform import Geometry
from ravine.regularize.augment.warp import Edge, check_edge, warp


def corners(height: int, width: int, device: torch.device) -> Tensor:
    """The corners (x, y) in pixels: upper left, upper right, lower right, lower left; (4, 2)."""
    right, low = width - 1.0, height - 1.0
    return torch.tensor([[0.0, 0.0], [right, 0.0], [right, low], [0.0, low]], device=device)


def perspective_matrix(ends: Tensor, height: int, width: int) -> Tensor:
    """The projective map that takes the corners of a picture to `ends`, (batch, 4, 2); (batch, 3, 3)."""
    start = corners(height, width, ends.device).expand_as(ends)
    # Solved in float64: eight equations with squares of the side among their numbers.
    matrix: Tensor = kornia_geometry().get_perspective_transform(start.double(), ends.double())
    return matrix.float()


def perspective(images: Tensor, ends: Tensor, edge: Edge = "border") -> Tensor:
    """Each picture stretched so that its corners come to lie at `ends`, straight lines staying straight.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        ends: (x, y) in pixels of the upper left, upper right, lower right and lower left corner, (batch, 4, 2).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype.
    """
    check_per_image("perspective", "ends", ends, images, 4, 2)
    height, width = images.shape[2:]
    still = (ends == corners(height, width, ends.device)).all(2).all(1)
    eye = torch.eye(3, device=ends.device)
    # Solving for what does not move may round.
    matrix = torch.where(still[:, None, None], eye, perspective_matrix(ends, height, width))
    return warp(images, matrix, edge)


class Perspective(Geometry):
    """`perspective` with each corner moved by up to a share of half the side, uniform, in x and in y.

    Args:
        most: Share of half the side; at 1 two corners could meet.
        p: Probability of each picture.
        edge: What lies beyond the edge.
        generator: Source of chance; the global one when None.
    """

    name = "perspective"
    affine = False

    def __init__(
        self, most: float = 0.2, p: float = 1.0, edge: Edge = "border", generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator, check_edge(edge))
        self.most = BELOW_ONE.check("perspective", "most", most)

    @property
    def idle(self) -> bool:
        """Whether no corner moves."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"perspective, corners by up to {self.most / 2:.0%} of the side"

    def draw(self, size: Size, generator: Generator | None) -> Tensor:
        """Where points go, (batch, 3, 3)."""
        reach = torch.tensor([size.width - 1.0, size.height - 1.0], device=size.device) * (self.most / 2)
        moves = torch.rand(size.batch, 4, 2, device=size.device, generator=generator) * 2 - 1
        ends = corners(size.height, size.width, size.device) + moves * reach
        return perspective_matrix(ends, size.height, size.width)


def random_perspective(
    images: Tensor, most: float, generator: Generator | None = None, edge: Edge = "border"
) -> Tensor:
    """Each corner of each picture moved by up to `most` of half the side; 0 changes nothing."""
    return Perspective(most, edge=edge).drawn(images, generator)
