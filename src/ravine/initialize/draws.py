"""Chance for schemes: drawn on the CPU in float32 or wider, so that a seed means the same everywhere."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def wide(weight: Tensor) -> torch.dtype:
    """The dtype in which values for `weight` are drawn."""
    return torch.float64 if weight.dtype == torch.float64 else torch.float32


def normal_like(weight: Tensor, std: float, generator: Generator | None) -> Tensor:
    """N(0, std²) in the shape of `weight`."""
    drawn = torch.randn(weight.shape, dtype=wide(weight), generator=generator) * std
    return drawn.to(weight.device, weight.dtype)


def uniform_like(weight: Tensor, limit: float, generator: Generator | None) -> Tensor:
    """U(−limit, limit) in the shape of `weight`."""
    drawn = (torch.rand(weight.shape, dtype=wide(weight), generator=generator) * 2 - 1) * limit
    return drawn.to(weight.device, weight.dtype)
