"""What an activation does to the variance of what passes it, and the scheme that answers to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ravine.core.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Gain:
    """For one activation: the scheme that suits it and the factor on the standard deviation."""

    activation: str
    scheme: str
    gain: float


GAINS: Catalogue[Gain] = Catalogue(
    "activation",
    [
        # Half of a symmetric input is cut, so the weights' variance doubles.
        Gain("relu", "kaiming", math.sqrt(2)),
        Gain("leaky_relu", "kaiming", math.sqrt(2 / (1 + 0.01**2))),
        # Smooth relatives of ReLU: E f(z)² for z ~ N(0, 1) is near a half, gains 1/√E f(z)².
        Gain("gelu", "kaiming", 1.533),
        Gain("silu", "kaiming", 1.677),
        Gain("mish", "kaiming", 1.487),
        Gain("elu", "kaiming", 1.246),
        # Linear around zero; symmetric in the two directions of flow.
        Gain("tanh", "xavier", 5 / 3),
        Gain("sigmoid", "xavier", 1.0),
        # Normalizes itself when the weights keep the variance as it is.
        Gain("selu", "lecun", 1.0),
        Gain("identity", "lecun", 1.0),
    ],
    name=lambda gain: gain.activation,
)
"""Every activation that a network of Ravine may use, by name."""
