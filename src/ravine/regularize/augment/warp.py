"""One resampling for all that moves a picture: matrices are multiplied, pictures are read once.

Positions are homogeneous columns (x, y, 1) in pixels, the middle of the first pixel at (0, 0), y pointing
down. A matrix says where a point of the picture goes.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.regularize.augment.pixels import check_per_image, on_unit
from ravine.regularize.augment.through_kornia import kornia_geometry
from ravine.regularize.places import check_images

Edge = Literal["border", "zeros", "reflection"]
"""What lies beyond the edge: the edge repeated, nothing, or the picture mirrored."""


def warp(images: Tensor, matrix: Tensor, edge: Edge = "border") -> Tensor:
    """Each picture moved by its matrix, read between pixels by bilinear interpolation.

    Where a matrix is the identity, the picture is the very same.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        matrix: Where points go, (batch, 3, 3).
        edge: What lies beyond the edge.

    Returns: New pictures of the same shape and dtype.
    Source: Hartley & Zisserman 2004, Multiple View Geometry, chapter 2 (projective maps); torch's `grid_sample`.
    """
    check_images("warp", images)
    check_per_image("warp", "matrix", matrix, images, 3, 3)
    check_edge(edge)
    work, back = on_unit(images)
    moved = sampled(work, matrix, edge=edge, affine=bool((matrix[:, 2, :2] == 0).all()))
    still = (matrix == identity_matrix(len(images), matrix.device)).all(2).all(1)
    return torch.where(still[:, None, None, None], images, back(moved))


def sampled(images: Tensor, matrix: Tensor, *, edge: Edge, affine: bool) -> Tensor:
    """Float pictures moved by matrices of their own precision; `affine`: all have the last row 0, 0, 1."""
    size = (images.shape[2], images.shape[3])
    kornia = kornia_geometry()
    matrix = matrix.to(images.dtype)
    if affine:
        out: Tensor = kornia.warp_affine(images, matrix[:, :2], size, padding_mode=edge, align_corners=True)
    else:
        out = kornia.warp_perspective(images, matrix, size, padding_mode=edge, align_corners=True)
    return out


def sampled_masks(masks: Tensor, matrix: Tensor, *, edge: Edge) -> Tensor:
    """Masks moved along: of any dtype, read at the nearest pixel so that no new value arises.

    Args:
        masks: (batch, height, width) or (batch, any, height, width).
        matrix: Where points go, (batch, 3, 3).
        edge: What lies beyond the edge.
    """
    layers = masks[:, None] if masks.ndim == 3 else masks
    # float64 holds every int32 and every float exactly.
    moved: Tensor = kornia_geometry().warp_perspective(
        layers.double(), matrix.double(), tuple(layers.shape[2:]), mode="nearest", padding_mode=edge, align_corners=True
    )
    return moved.to(masks.dtype).view_as(masks)


def check_edge(edge: Edge) -> Edge:
    """The word for what lies beyond the edge, or `BadValue`."""
    if edge not in get_args(Edge):
        raise BadValue(refusal("augment", "edge", f"be one of {', '.join(get_args(Edge))}", edge))
    return edge


def identity_matrix(batch: int, device: torch.device) -> Tensor:
    """The matrix that moves nothing, (batch, 3, 3)."""
    return torch.eye(3, device=device).expand(batch, 3, 3)


def affine_matrix(linear: Tensor, height: int, width: int) -> Tensor:
    """A linear map about the middle of the picture.

    Args:
        linear: What it does to (x, y) as seen from the middle, (batch, 2, 2).
        height: Of the pictures.
        width: Of the pictures.

    Returns: float32 (batch, 3, 3).
    """
    middle = linear.new_tensor([(width - 1) / 2, (height - 1) / 2])
    matrix = torch.zeros(len(linear), 3, 3, device=linear.device)
    matrix[:, :2, :2] = linear
    matrix[:, :2, 2] = middle - linear @ middle
    matrix[:, 2, 2] = 1
    return matrix
