"""Gaussian numbers without tails."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.sources import Source
from ravine.initialize.draws import uniform_like, wide
from ravine.initialize.scheme import Scheme, fans

KEPT = math.erf(2 / math.sqrt(2))
"""P(|z| < 2) of a standard Gaussian."""

SHRUNK = math.sqrt(1 - 2 * 2 * math.exp(-2) / math.sqrt(2 * math.pi) / KEPT)
"""Standard deviation of a standard Gaussian cut at ±2: 0.8796."""


def truncated_normal(weight: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values of variance gain²/fan_in from a Gaussian cut at two of its standard deviations.

    Drawn by the inverse of the distribution function: z = √2·erf⁻¹(u), u uniform in ±P(|z| < 2).

    Args:
        weight: Read for shape (out, in, *window), dtype and device only.
        gain: Factor on the standard deviation.
        generator: Source of chance; the global one when None.

    Returns: New values, the shape of `weight`; none is beyond 2.28·gain/√fan_in.
    Source: Bradbury et al. 2018 (jax.nn.initializers.variance_scaling), after Klambauer et al. 2017.
    """
    with torch.no_grad():
        share = uniform_like(weight.new_empty(weight.shape, dtype=wide(weight), device="cpu"), KEPT, generator)
        cut = math.sqrt(2) * torch.erfinv(share)  # in float32 at least: bfloat16 would round shares up to 1
        values: Tensor = cut * (gain / SHRUNK / math.sqrt(fans(weight).inward))
        return values.to(weight.device, weight.dtype)


TRUNCATED_NORMAL = Scheme(
    name="truncated-normal",
    draw=truncated_normal,
    formula="w ~ N(0, σ²) cut at ±2σ, with variance gain²/fan_in after the cut",
    source=Source("Klambauer et al.", 2017, "Self-Normalizing Neural Networks", arxiv="1706.02515"),
)
