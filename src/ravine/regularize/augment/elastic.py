"""Elastic distortion: every pixel moved a little, its neighbours about alike."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE, POSITIVE
from ravine.regularize.augment.pixels import check_per_image, on_unit
from ravine.regularize.augment.through_kornia import kornia_filters, kornia_geometry
from ravine.regularize.augment.transform import Pixels
from ravine.regularize.augment.warp import Edge, check_edge
from ravine.regularize.places import check_images


def elastic(images: Tensor, moves: Tensor, edge: Edge = "border") -> Tensor:
    """Each pixel read somewhere else: out(x, y) = picture(x + moves_x(x, y), y + moves_y(x, y)).

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        moves: In pixels, x then y, (batch, 2, height, width).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype; where nothing moves, the very same.
    Source: Simard, Steinkraus & Platt 2003, section 2.
    """
    check_images("elastic", images)
    check_per_image("elastic", "moves", moves, images, 2, *images.shape[2:])
    work, back = on_unit(images)
    still = (moves == 0).flatten(1).all(1)
    return torch.where(still[:, None, None, None], images, back(_read(work, moves, "bilinear", check_edge(edge))))


def smooth_moves(noise: Tensor, sigma: float, most: float) -> Tensor:
    """Noise blurred by a Gaussian and scaled so that the moves of each picture have the mean length `most`.

    Args:
        noise: (batch, 2, height, width).
        sigma: Standard deviation of the Gaussian in pixels: how far a move reaches.
        most: Root mean square of the length of the moves, in pixels.

    Returns: Moves in pixels, (batch, 2, height, width).
    """
    side = _kernel_side(sigma, *noise.shape[2:])
    spread = torch.full((len(noise), 2), sigma, device=noise.device)
    smooth: Tensor = kornia_filters().gaussian_blur2d(noise, (side, side), spread, border_type="replicate")
    length = smooth.square().sum(1, keepdim=True).mean((2, 3), keepdim=True).sqrt()
    return smooth * (most / length.clamp_min(1e-12))


class Elastic(Pixels):
    """`elastic` by smooth random moves.

    Args:
        most: Root mean square of the length of the moves, as a share of the shorter side.
        reach: Standard deviation of the Gaussian that smooths them, as a share of the shorter side.
        p: Probability of each picture.
        edge: What lies beyond the edge.
        generator: Source of chance; the global one when None.

    Source: Simard, Steinkraus & Platt 2003, section 2.
    """

    name = "elastic"

    def __init__(
        self,
        most: float = 0.02,
        reach: float = 0.12,
        p: float = 1.0,
        edge: Edge = "border",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p, generator)
        self.most = NON_NEGATIVE.check("elastic", "most", most)
        self.reach = POSITIVE.check("elastic", "reach", reach)
        self.edge = check_edge(edge)

    @property
    def idle(self) -> bool:
        """Whether nothing moves."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"elastic distortion by about {self.most:.0%} of the side"

    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """The pictures distorted, the masks with them."""
        batch, _, height, width = images.shape
        side = min(height, width)
        noise = torch.randn(batch, 2, height, width, device=images.device, generator=generator)
        moves = smooth_moves(noise, self.reach * side, self.most * side)
        out = _read(images, moves, "bilinear", self.edge)
        if masks is not None:
            layers = masks[:, None] if masks.ndim == 3 else masks
            masks = _read(layers.double(), moves, "nearest", self.edge).to(masks.dtype).view_as(masks)
        return out, masks


def random_elastic(images: Tensor, most: float, generator: Generator | None = None, edge: Edge = "border") -> Tensor:
    """Each picture distorted by smooth moves of about `most` of its shorter side; 0 changes nothing."""
    return Elastic(most, edge=edge).drawn(images, generator)


def _read(images: Tensor, moves: Tensor, mode: str, edge: Edge) -> Tensor:
    """Float pictures read at the moved places."""
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device, dtype=images.dtype) + moves[:, 0]
    y = torch.arange(height, device=images.device, dtype=images.dtype)[:, None] + moves[:, 1]
    out: Tensor = kornia_geometry().remap(
        images, x.to(images.dtype), y.to(images.dtype), mode=mode, padding_mode=edge, align_corners=True
    )
    return out


def _kernel_side(sigma: float, height: int, width: int) -> int:
    """Odd, three standard deviations to each side where the picture has room for them."""
    return 2 * max(1, min(math.ceil(3 * sigma), (min(height, width) - 1) // 2)) + 1
