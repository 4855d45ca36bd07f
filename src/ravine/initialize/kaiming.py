"""Kaiming (He): the variance survives rectifiers."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ravine.core.sources import Source
from ravine.initialize.draws import normal_like
from ravine.initialize.scheme import Scheme, fans


def kaiming(weight: Tensor, gain: float = math.sqrt(2), generator: Generator | None = None) -> Tensor:
    """Values from N(0, gain²/fan_in).

    Args:
        weight: Read for shape (out, in, *window), dtype and device only.
        gain: √2 for ReLU: Var(sum) = fan_in · E(u²) · Var(w), and a rectifier halves E(u²).
        generator: Source of chance; the global one when None.

    Returns: New values, the shape of `weight`.
    Source: He et al. 2015, equation 10.
    """
    with torch.no_grad():
        return normal_like(weight, gain / math.sqrt(fans(weight).inward), generator)


KAIMING = Scheme(
    name="kaiming",
    draw=kaiming,
    formula="w ~ N(0, gain²/fan_in)",
    source=Source("He et al.", 2015, "Delving Deep into Rectifiers", arxiv="1502.01852"),
)
