"""Derivatives of activations in closed form: σ'(a), for backward passes written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ravine.core.errors import BadValue


def slope(activation: nn.Module, a: Tensor) -> Tensor:
    """σ'(a) elementwise, at the activation's own settings; at a kink torch's choice.

    >>> slope(nn.Tanh(), torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.4200])

    Args:
        activation: A module of `ravine.initialize.activations`.
        a: What entered it, any shape.

    Raises:
        BadValue: No derivative is known for a module of this kind.
    """
    try:
        of = _SLOPES[type(activation)]
    except KeyError:
        known = ", ".join(kind.__name__ for kind in _SLOPES)
        kind = type(activation).__name__
        raise BadValue(f"slope: no derivative is known for {kind}. Known: {known}.") from None
    return of(activation, a)


def _relu(_: Any, a: Tensor) -> Tensor:
    return (a > 0).to(a.dtype)


def _leaky_relu(layer: Any, a: Tensor) -> Tensor:
    return torch.ones_like(a).masked_fill(a <= 0, layer.negative_slope)


def _gelu(layer: Any, a: Tensor) -> Tensor:
    """Φ(a) + a·φ(a); of the tanh formula its own derivative."""
    if layer.approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)
        t = torch.tanh(inner)
        return 0.5 * (1 + t) + 0.5 * a * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * a * a)
    return 0.5 * (1 + torch.erf(a / math.sqrt(2))) + a * torch.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)


def _silu(_: Any, a: Tensor) -> Tensor:
    """With s = sigmoid(a): s + a·s·(1 − s)."""
    s = torch.sigmoid(a)
    return s + a * s * (1 - s)


def _mish(_: Any, a: Tensor) -> Tensor:
    """With t = tanh(softplus(a)): t + a·(1 − t²)·sigmoid(a)."""
    t = torch.tanh(F.softplus(a))
    return t + a * (1 - t * t) * torch.sigmoid(a)


def _elu(layer: Any, a: Tensor) -> Tensor:
    return torch.where(a > 0, 1.0, layer.alpha * torch.exp(a.clamp(max=0.0)))


def _tanh(_: Any, a: Tensor) -> Tensor:
    return 1 - torch.tanh(a) ** 2


def _sigmoid(_: Any, a: Tensor) -> Tensor:
    s = torch.sigmoid(a)
    return s * (1 - s)


_SCALE, _ALPHA = 1.0507009873554805, 1.6732632423543772  # of SELU: Klambauer et al. 2017, equation 14


def _selu(_: Any, a: Tensor) -> Tensor:
    return _SCALE * torch.where(a > 0, 1.0, _ALPHA * torch.exp(a.clamp(max=0.0)))


def _softplus(layer: Any, a: Tensor) -> Tensor:
    """Sigmoid(β·a); 1 where torch takes the function for linear."""
    return torch.where(layer.beta * a > layer.threshold, 1.0, torch.sigmoid(layer.beta * a))


def _celu(layer: Any, a: Tensor) -> Tensor:
    return torch.where(a > 0, 1.0, torch.exp(a.clamp(max=0.0) / layer.alpha))


def _hardtanh(layer: Any, a: Tensor) -> Tensor:
    inside: Tensor = (a > layer.min_val) & (a < layer.max_val)
    return inside.to(a.dtype)


def _hardswish(_: Any, a: Tensor) -> Tensor:
    """(2·a + 3)/6 between −3 and 3."""
    return torch.where(a >= 3, 1.0, torch.where(a <= -3, 0.0, a / 3 + 0.5))


def _softsign(_: Any, a: Tensor) -> Tensor:
    return 1 / (1 + a.abs()) ** 2


def _identity(_: Any, a: Tensor) -> Tensor:
    return torch.ones_like(a)


_SLOPES: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.ReLU: _relu,
    nn.LeakyReLU: _leaky_relu,
    nn.ReLU6: _hardtanh,
    nn.GELU: _gelu,
    nn.SiLU: _silu,
    nn.Mish: _mish,
    nn.Hardswish: _hardswish,
    nn.ELU: _elu,
    nn.CELU: _celu,
    nn.Softplus: _softplus,
    nn.Tanh: _tanh,
    nn.Hardtanh: _hardtanh,
    nn.Softsign: _softsign,
    nn.Sigmoid: _sigmoid,
    nn.SELU: _selu,
    nn.Identity: _identity,
}
