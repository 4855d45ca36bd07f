"""LeCun: the variance survives what is linear."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.sources import Source
from ravine.initialize.draws import normal_like
from ravine.initialize.scheme import Scheme, fans


def lecun(weight: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from N(0, gain²/fan_in): a sum of standardized inputs is standardized.

    Args:
        weight: Read for shape (out, in, *window), dtype and device only.
        gain: 1 for a layer without activation, and for SELU.
        generator: Source of chance; the global one when None.

    Returns: New values, the shape of `weight`.
    Source: LeCun et al. 1998, section 4.6.
    """
    with torch.no_grad():
        return normal_like(weight, gain / math.sqrt(fans(weight).inward), generator)


LECUN = Scheme(
    name="lecun",
    draw=lecun,
    formula="w ~ N(0, gain²/fan_in), gain 1",
    source=Source("LeCun et al.", 1998, "Efficient BackProp", "Neural Networks: Tricks of the Trade"),
)
