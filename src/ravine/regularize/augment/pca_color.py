"""PCA colour offsets: every picture shifted along the directions in which colours of the data vary."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.regularize.augment.colors import ColorMap, recolor, scaled
from ravine.regularize.augment.pixels import check_colored, check_per_image, on_unit
from ravine.regularize.augment.transform import Coloring


class ColorBasis(NamedTuple):
    """Principal components of the colours of pixels, on the scale 0 … 1."""

    values: Tensor  # eigenvalues of the covariance of red, green and blue, ascending, (3,)
    vectors: Tensor  # unit vectors, one a column, (3, 3)


def color_basis(images: Tensor) -> ColorBasis:
    """The principal components of all pixels of `images`, (batch, 3, height, width), in their float precision."""
    check_colored("pca-color", images)
    pixels = on_unit(images)[0].transpose(0, 1).flatten(1)
    pixels = pixels - pixels.mean(1, keepdim=True)
    return ColorBasis(*torch.linalg.eigh(pixels @ pixels.T / pixels.shape[1]))


def pca_offset(strength: Tensor, basis: ColorBasis) -> Tensor:
    """Σₖ strengthₖ · λₖ · pₖ: what is added to red, green and blue; (batch, 3) from (batch, 3)."""
    values, vectors = (part.to(strength) for part in basis)
    return (strength * values) @ vectors.T


def pca_color(images: Tensor, strength: Tensor, basis: ColorBasis) -> Tensor:
    """Every colour of a picture plus its offset along the principal components, clamped to the scale.

    Args:
        images: uint8, or float on the scale 0 … 1, (batch, 3, height, width). Not changed.
        strength: α of each component, (batch, 3).
        basis: Components, as `color_basis` finds them on training pictures.

    Returns: New pictures of the same shape and dtype.
    Source: Krizhevsky, Sutskever & Hinton 2012, section 4.1. There, as here, λ is the eigenvalue itself; their
        pixels are on a scale of 0 … 255, which makes its offsets 255 times as large beside the pixels.
    """
    check_colored("pca-color", images)
    check_per_image("pca-color", "strength", strength, images, 3)
    offset = pca_offset(strength, basis)
    return recolor(images, scaled(offset.new_ones(len(offset)), offset))


class PcaColor(Coloring):
    """`pca_color` with α ~ N(0, std²), each component its own.

    Args:
        std: Standard deviation of α. On the scale 0 … 1 the eigenvalues of photographs are at most about 0.2.
        basis: Components; those of each batch when None.
        p: Probability of each picture.
        generator: Source of chance; the global one when None.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 4.1.
    """

    name = "pca-color"
    colored = True

    def __init__(
        self, std: float = 0.1, basis: ColorBasis | None = None, p: float = 1.0, generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator)
        self.std = NON_NEGATIVE.check("pca-color", "std", std)
        self.basis = basis

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.std == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"colour offsets along the principal components, std {self.std:g}"

    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change."""
        basis = self.basis or color_basis(images)
        strength = torch.randn(len(images), 3, device=images.device, generator=generator) * self.std
        return scaled(average.new_ones(len(images)), pca_offset(strength.to(average.dtype), basis))


def random_pca_color(
    images: Tensor, std: float, generator: Generator | None = None, basis: ColorBasis | None = None
) -> Tensor:
    """Each picture shifted along the principal components by its own α ~ N(0, std²); 0 changes nothing."""
    return PcaColor(std, basis).drawn(images, generator)
