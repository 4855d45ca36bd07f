"""Orthogonal: no direction grows or shrinks."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.sources import Source
from ravine.initialize.draws import normal_like, wide
from ravine.initialize.scheme import Scheme, fans


def orthogonal(weight: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """A gain times a random matrix with orthonormal rows or columns, whichever are fewer.

    Uniform over all of them: the Q of a Gaussian matrix, with the signs of R's diagonal.

    Args:
        weight: Read for shape (out, in, *window), taken as (out, in·window), dtype and device only.
        gain: Factor on every singular value.
        generator: Source of chance; the global one when None.

    Returns: New values, the shape of `weight`.
    Source: Saxe et al. 2014; the signs: Mezzadri 2007.
    """
    fans(weight)  # refuses what is no matrix
    with torch.no_grad():
        rows = weight.shape[0]
        flat = normal_like(torch.empty(rows, weight[0].numel(), dtype=wide(weight)), 1.0, generator)
        tall = flat if rows >= flat.shape[1] else flat.T
        q, r = torch.linalg.qr(tall)
        q = q * torch.where(torch.diagonal(r) < 0, -1.0, 1.0)
        out = q if rows >= flat.shape[1] else q.T
        values: Tensor = (gain * out).reshape(weight.shape).to(weight.device, weight.dtype)
        return values


ORTHOGONAL = Scheme(
    name="orthogonal",
    draw=orthogonal,
    formula="w = gain·Q, QᵀQ = 1 or QQᵀ = 1",
    source=Source(
        "Saxe et al.",
        2014,
        "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks",
        arxiv="1312.6120",
    ),
)
