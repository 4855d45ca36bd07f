"""Activations by name, as modules."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ravine.core.catalogue import Catalogue

_ACTIVATIONS: Catalogue[tuple[str, Callable[[], nn.Module]]] = Catalogue(
    "activation",
    [
        ("relu", nn.ReLU),
        ("leaky_relu", nn.LeakyReLU),
        ("gelu", nn.GELU),
        ("silu", nn.SiLU),
        ("mish", nn.Mish),
        ("elu", nn.ELU),
        ("tanh", nn.Tanh),
        ("sigmoid", nn.Sigmoid),
        ("selu", nn.SELU),
        ("identity", nn.Identity),
    ],
    name=lambda entry: entry[0],
)


def activation_module(name: str) -> nn.Module:
    """A fresh module of the activation called `name`; unknown names suggest the nearest.

    >>> activation_module("leaky_relu")
    LeakyReLU(negative_slope=0.01)
    """
    return _ACTIVATIONS[name][1]()
