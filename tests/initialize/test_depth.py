"""Var(z) = #parents · Var(u) · Var(w) through twenty layers: each scheme with each activation, against theory.

Mean-field theory follows q = E(z²) from layer to layer by quadrature: q ← n · Var(w) · E f(√q·x)², x ~ N(0, 1). It is
exact for infinitely wide layers. In layers of width n the logarithm of q wanders off it, with a variance of at most
about 5/n a layer for rectifiers (Hanin & Nica 2020, arXiv:1812.05994) and less for others.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from ravine.initialize import ACTIVATIONS, SCHEMES, apply, probe

WIDTH, LAYERS, ROWS = 256, 20, 32
WANDERS = math.sqrt(5 / WIDTH)  # standard deviation of log q, a layer

NODES = torch.linspace(-9, 9, 4_001, dtype=torch.float64)
DENSITY = torch.exp(-NODES * NODES / 2) / math.sqrt(2 * math.pi)


def after_one_more(q: float, scheme: str, activation: str) -> float:
    """E(z²) of the next layer, by quadrature."""
    record = ACTIVATIONS[activation]
    f = record.make().double().requires_grad_(False)
    variance = 0.01**2 if scheme == "normal" else record.gain**2 / WIDTH  # square layers: Xavier's fans are equal
    return WIDTH * variance * torch.trapezoid(f(math.sqrt(q) * NODES) ** 2 * DENSITY, NODES).item()


def measured(scheme: str, activation: str) -> list[float]:
    """E(z²) after each of the layers, by the test's own hooks; the probe's record must agree."""
    parts: list[nn.Module] = []
    for _ in range(LAYERS):
        parts += [nn.Linear(WIDTH, WIDTH), ACTIVATIONS[activation].make()]
    model = nn.Sequential(*parts, nn.Linear(WIDTH, 2)).double()  # small Gaussians leave float32's range
    apply(model, scheme, activation=activation, generator=torch.Generator().manual_seed(5))
    x = torch.randn(ROWS, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    squares: list[float] = []

    def note(_: nn.Module, __: object, z: torch.Tensor) -> None:
        squares.append(z.detach().square().mean().item())

    for layer in model[:-1:2]:  # the head, which no activation follows, has a gain of its own
        layer.register_forward_hook(note)
    record = probe(model, x)
    for layer, square in zip(record.weighted[:-1], squares, strict=True):
        assert layer.std**2 + layer.mean**2 == pytest.approx(square, rel=1e-9)
        assert math.log(layer.predicted**2 / square) == pytest.approx(0, abs=4 * WANDERS)
    return squares


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "gelu", "tanh", "sigmoid", "selu", "identity"])
@pytest.mark.parametrize("scheme", sorted(set(SCHEMES) - {"zeros"}))
def test_the_signal_through_depth_is_the_one_that_theory_predicts(scheme, activation):
    squares = measured(scheme, activation)
    for before, after in itertools.pairwise(squares):
        told = after_one_more(before, scheme, activation)
        assert math.log(after / told) == pytest.approx(0, abs=4 * WANDERS)
    if activation != "gelu":  # whose q runs away from its fixed point, so that small differences grow
        q = WIDTH * (0.01**2 if scheme == "normal" else ACTIVATIONS[activation].gain ** 2 / WIDTH)
        for depth, square in enumerate(squares, 1):
            assert math.log(square / q) == pytest.approx(0, abs=4 * WANDERS * math.sqrt(depth)), depth
            q = after_one_more(q, scheme, activation)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "tanh", "selu", "identity"])
def test_suited_schemes_keep_the_signal_and_small_gaussians_lose_it(activation):
    kept = measured(ACTIVATIONS[activation].scheme, activation)
    lost = measured("normal", activation)
    assert 0.1 < kept[-1] / kept[0] < 10, kept
    assert lost[-1] / lost[0] < 1e-20
