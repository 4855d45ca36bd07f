"""Xavier (Glorot): the variance survives both ways, forward and backward."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.sources import Source
from ravine.initialize.draws import uniform_like
from ravine.initialize.scheme import Scheme, fans


def xavier(weight: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from U(−a, a) with a = gain·√(6/(fan_in + fan_out)): variance 2·gain²/(fan_in + fan_out).

    Args:
        weight: Read for shape (out, in, *window), dtype and device only.
        gain: 1 for linear and sigmoid, 5/3 for tanh.
        generator: Source of chance; the global one when None.

    Returns: New values, the shape of `weight`.
    Source: Glorot & Bengio 2010, equation 16.
    """
    inward, outward = fans(weight)
    with torch.no_grad():
        return uniform_like(weight, gain * math.sqrt(6 / (inward + outward)), generator)


XAVIER = Scheme(
    name="xavier",
    draw=xavier,
    formula="w ~ U(−a, a), a = gain·√(6/(fan_in + fan_out))",
    source=Source(
        "Glorot & Bengio", 2010, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", "AISTATS"
    ),
)
