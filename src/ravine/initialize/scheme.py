"""What an initialization scheme is, and how it sees a weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source


class Fans(NamedTuple):
    """How many numbers flow into and out of one unit of a weight."""

    inward: int
    outward: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """The record of one scheme.

    Attributes:
        name: Its one public name.
        draw: (weight, gain, generator) → values of the weight's shape; the weight is read for its
            shape, dtype and device only. Pure but for the generator.
        formula: What is drawn, in a line.
        source: Where it comes from.
    """

    name: str
    draw: Callable[[Tensor, float, Generator | None], Tensor]
    formula: str
    source: Source


def fans(weight: Tensor) -> Fans:
    """The fans of a weight (out, in, *window): in and out, each times the size of the window.

    >>> import torch
    >>> fans(torch.empty(8, 3, 5, 5))
    Fans(inward=75, outward=200)

    Raises:
        BadValue: A vector or a single number; it has no fans.
    """
    if weight.ndim < 2:
        must = "have at least two dimensions, (out, in, …)"
        raise BadValue(
            refusal("initialize", "a weight", must, tuple(weight.shape), "Biases and scales start by value.")
        )
    window = math.prod(weight.shape[2:])
    return Fans(weight.shape[1] * window, weight.shape[0] * window)
