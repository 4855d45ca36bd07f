"""Small Gaussian numbers, whatever the width."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.sources import Source
from ravine.initialize.draws import normal_like
from ravine.initialize.scheme import Scheme

STD = 0.01


def normal(weight: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from N(0, 0.01²).

    Good for shallow networks; in deep ones the signal shrinks by 0.01·√fan_in at each layer.

    Args:
        weight: Read for shape, dtype and device only.
        gain: Not used: this scheme knows nothing of activations.
        generator: Source of chance; the global one when None.

    Returns: New values, the shape of `weight`.
    Source: Krizhevsky et al. 2012, section 5.
    """
    del gain
    with torch.no_grad():
        return normal_like(weight, STD, generator)


NORMAL = Scheme(
    name="normal",
    draw=normal,
    formula="w ~ N(0, 0.01²)",
    source=Source("Krizhevsky et al.", 2012, "ImageNet Classification with Deep Convolutional Neural Networks", "NIPS"),
)
