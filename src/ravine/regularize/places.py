"""Pictures read at other places: what moves a whole batch, each picture its own way, in one gather."""

from __future__ import annotations

import torch
from torch import Tensor

from ravine.core.errors import BadValue, refusal


def gather_places(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """out[b, c, i, j] = images[b, c, rows[b, i], columns[b, j]].

    Args:
        images: Any dtype, (batch, channels, height, width).
        rows: int64 in [0, height), (batch, new height).
        columns: int64 in [0, width), (batch, new width).

    Returns: New pictures, (batch, channels, new height, new width).
    """
    batch, channels, _, width = images.shape
    flat = rows[:, :, None] * width + columns[:, None, :]
    index = flat.view(batch, 1, -1).expand(batch, channels, flat[0].numel())
    out = images.flatten(2).gather(2, index)
    return out.view(batch, channels, rows.shape[1], columns.shape[1])


def moved_places(side: int, offsets: Tensor) -> Tensor:
    """Where each of `side` lines is read after moving by `offsets`; beyond the edge, the edge goes on.

    Args:
        side: Lines of the picture.
        offsets: int64 (batch,); positive moves the content to higher indices.

    Returns: int64 in [0, side), (batch, side).
    """
    lines = torch.arange(side, device=offsets.device)
    return (lines - offsets[:, None]).clamp_(0, side - 1)


def check_images(owner: str, images: Tensor) -> None:
    """Refuse what is no batch of pictures."""
    if images.ndim != 4:
        must = "have shape (batch, channels, height, width)"
        raise BadValue(refusal(owner, "a batch of images", must, tuple(images.shape)))
