"""Moves by parts of a pixel too, as a share of the side."""

from __future__ import annotations

from torch import Generator, Tensor

from ravine.core.intervals import UNIT
from ravine.regularize.augment.pixels import Size, along_axes, check_axes, check_per_image
from ravine.regularize.augment.transform import Geometry
from ravine.regularize.augment.warp import Edge, check_edge, identity_matrix, warp


def translation_matrix(right: Tensor, down: Tensor) -> Tensor:
    """Where points go: by so many pixels, (batch,) each; (batch, 3, 3)."""
    matrix = identity_matrix(len(right), right.device).clone()
    matrix[:, 0, 2], matrix[:, 1, 2] = right, down
    return matrix


def translate(images: Tensor, right: Tensor, down: Tensor, edge: Edge = "border") -> Tensor:
    """Each picture moved by so many pixels, whole or not.

    For whole pixels `ravine.regularize.shift` is faster.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        right: Pixels, negative for left, (batch,).
        down: Pixels, negative for up, (batch,).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype.
    """
    check_per_image("translation", "right", right, images)
    check_per_image("translation", "down", down, images)
    return warp(images, translation_matrix(right, down), edge)


class Translation(Geometry):
    """`translate` by up to a share of the side, uniform, in both directions.

    Args:
        most: Largest move as a share of width and height.
        axes: "x" moves sideways, "y" up and down, "xy" both ways.
        p: Probability of each picture.
        edge: What lies beyond the edge.
        generator: Source of chance; the global one when None.
    """

    name = "translation"

    def __init__(
        self,
        most: float = 1 / 16,
        axes: str = "xy",
        p: float = 1.0,
        edge: Edge = "border",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p, generator, check_edge(edge))
        self.most = UNIT.check("translation", "most", most)
        self.axes = check_axes("translation", axes)

    @property
    def idle(self) -> bool:
        """Whether nothing moves."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"translation by up to {self.most:.0%} of the side"

    def draw(self, size: Size, generator: Generator | None) -> Tensor:
        """Where points go, (batch, 3, 3)."""
        right, down = along_axes(self.axes, self.most, size, generator)
        return translation_matrix(right * size.width, down * size.height)


def random_translation(
    images: Tensor, most: float, generator: Generator | None = None, edge: Edge = "border"
) -> Tensor:
    """Each picture moved its own way by up to `most` of its side; 0 changes nothing."""
    return Translation(most, edge=edge).drawn(images, generator)
