"""Activations by name: the module, what it does to the variance of what passes it, and where it goes flat."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ravine.core.catalogue import Catalogue
from ravine.core.errors import BadValue, refusal


@dataclass(frozen=True, slots=True)
class Activation:
    """The record of one activation f.

    Attributes:
        name: Its one public name.
        make: Settings → the module.
        scheme: The initialization scheme that suits weights before it.
        gain: Factor on the weights' standard deviation that keeps the signal's size: 1/√E f(z)² for
            z ~ N(0, 1), but for tanh and sigmoid, whose values are those of custom.
        saturates: Outputs below the first number or above the second lie where f is nearly flat on
            both sides; None where f has no two flat sides.
        dies: Whether a unit that gives 0 for every row gets no gradient, or next to none.
    """

    name: str
    make: type[nn.Module]
    scheme: str
    gain: float
    saturates: tuple[float, float] | None = None
    dies: bool = False


_BOTH_WAYS = (-0.97, 0.97)
_GATE = (0.03, 0.97)

ACTIVATIONS: Catalogue[Activation] = Catalogue(
    "activation",
    [
        # Half of a symmetric input is cut, so the weights' variance doubles.
        Activation("relu", nn.ReLU, "kaiming", math.sqrt(2), dies=True),
        Activation("leaky_relu", nn.LeakyReLU, "kaiming", math.sqrt(2 / (1 + 0.01**2))),
        Activation("prelu", nn.PReLU, "kaiming", math.sqrt(2 / (1 + 0.25**2))),
        Activation("relu6", nn.ReLU6, "kaiming", math.sqrt(2), dies=True),
        # Smooth relatives of ReLU: E f(z)² is near a half.
        Activation("gelu", nn.GELU, "kaiming", 1.5335, dies=True),
        Activation("silu", nn.SiLU, "kaiming", 1.6765, dies=True),
        Activation("mish", nn.Mish, "kaiming", 1.4868, dies=True),
        Activation("hardswish", nn.Hardswish, "kaiming", 1.7367, dies=True),
        Activation("elu", nn.ELU, "kaiming", 1.2452),
        Activation("celu", nn.CELU, "kaiming", 1.2452),
        Activation("softplus", nn.Softplus, "kaiming", 1.0419),
        # Linear around zero; symmetric in the two directions of flow.
        Activation("tanh", nn.Tanh, "xavier", 5 / 3, saturates=_BOTH_WAYS),
        Activation("hardtanh", nn.Hardtanh, "xavier", 1.3920, saturates=_BOTH_WAYS),
        Activation("softsign", nn.Softsign, "xavier", 2.3375, saturates=_BOTH_WAYS),
        Activation("sigmoid", nn.Sigmoid, "xavier", 1.0, saturates=_GATE),
        # Normalizes itself when the weights keep the variance as it is.
        Activation("selu", nn.SELU, "lecun", 1.0),
        Activation("identity", nn.Identity, "lecun", 1.0),
    ],
    name=lambda activation: activation.name,
)
"""Every activation that a network of Ravine may use, by name."""

_OUTSIDE = (nn.Hardsigmoid, nn.RReLU, nn.Threshold, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.LogSigmoid)
"""Activations of torch that are known when met, but not offered."""


def activation_module(name: str, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """A fresh module of the activation called `name`; unknown names suggest the nearest.

    >>> activation_module("leaky_relu", {"negative_slope": 0.2})
    LeakyReLU(negative_slope=0.2)

    Raises:
        BadValue: An unknown name, or a setting that this activation does not have.
    """
    make = ACTIVATIONS[name].make
    given = dict(settings or {})
    known = [] if make is nn.Identity else list(inspect.signature(make).parameters)
    for setting in given:
        if setting not in known:
            must = f"be one of {', '.join(known)}" if known else "not be given; it has none"
            raise BadValue(refusal(name, "a setting", must, setting))
    return make(**given)


def is_activation(part: nn.Module) -> bool:
    """Whether `part` is an activation: one of the catalogue's, or another of torch's; the identity is none."""
    return known_activation(part) is not None or isinstance(part, _OUTSIDE)


def known_activation(part: nn.Module) -> Activation | None:
    """The record of the activation that `part` is; None for other modules, and for the identity."""
    for activation in ACTIVATIONS.values():
        # nn.ReLU6 is a kind of nn.Hardtanh, so the class itself is asked for first
        if type(part) is activation.make and activation.make is not nn.Identity:
            return activation
    for activation in ACTIVATIONS.values():
        if isinstance(part, activation.make) and activation.make is not nn.Identity:
            return activation
    return None
