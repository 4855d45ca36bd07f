"""Schemes against the variances they promise, whole networks, and the output bias against its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.initialize import ACTIVATIONS, SCHEMES, apply, find_head, output_bias
from ravine.initialize.scheme import fans

WEIGHT = torch.empty(96, 24, 3, 5)
INWARD, OUTWARD = 24 * 15, 96 * 15


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_fans_agree_with_torch():
    assert fans(WEIGHT) == nn.init._calculate_fan_in_and_fan_out(WEIGHT)


STD = {
    "kaiming": 1.3 / math.sqrt(INWARD),
    "lecun": 1.3 / math.sqrt(INWARD),
    "truncated-normal": 1.3 / math.sqrt(INWARD),
    "xavier": 1.3 * math.sqrt(2 / (INWARD + OUTWARD)),
    "normal": 0.01,
    "orthogonal": 1.3 / math.sqrt(INWARD),
}


def test_every_scheme_but_zeros_is_measured():
    assert set(STD) == set(SCHEMES) - {"zeros"}


@pytest.mark.parametrize("name", STD)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_scheme_has_the_mean_and_the_spread_it_promises(name, dtype):
    drawn = SCHEMES[name].draw(WEIGHT.to(dtype), 1.3, generator())
    assert drawn.shape == WEIGHT.shape
    assert drawn.dtype == dtype
    spread = 4 / math.sqrt(2 * drawn.numel())  # four standard errors of a standard deviation
    assert drawn.std().item() == pytest.approx(STD[name], rel=spread)
    assert abs(drawn.mean().item()) < 4 * STD[name] / math.sqrt(drawn.numel())


@pytest.mark.parametrize("name", STD)
def test_one_seed_one_weight_and_bfloat16_too(name):
    draw = SCHEMES[name].draw
    assert torch.equal(draw(WEIGHT, 1.0, generator(3)), draw(WEIGHT, 1.0, generator(3)))
    assert not torch.equal(draw(WEIGHT, 1.0, generator(3)), draw(WEIGHT, 1.0, generator(4)))
    low = draw(WEIGHT.bfloat16(), 1.0, generator(3))
    assert torch.equal(low, draw(WEIGHT, 1.0, generator(3)).bfloat16())


def test_distributions_are_those_of_scipy():
    wide = torch.empty(200, 100)
    normal = SCHEMES["kaiming"].draw(wide, 1.0, generator()).flatten().numpy() * 10
    cut = SCHEMES["truncated-normal"].draw(wide, 1.0, generator()).flatten().numpy() * 10
    even = SCHEMES["xavier"].draw(wide, 1.0, generator()).flatten().numpy()
    limit = math.sqrt(6 / 300)
    assert stats.kstest(normal, "norm").pvalue > 1e-3
    shrunk = stats.truncnorm(-2, 2).std()
    assert stats.kstest(cut, stats.truncnorm(-2, 2, scale=1 / shrunk).cdf).pvalue > 1e-3
    assert stats.kstest(even, stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (5, 2, 3, 3)])
def test_orthogonal_keeps_lengths(shape):
    drawn = SCHEMES["orthogonal"].draw(torch.empty(shape, dtype=torch.float64), 2.0, generator()).flatten(1)
    small = drawn @ drawn.T if shape[0] <= drawn.shape[1] else drawn.T @ drawn
    assert torch.allclose(small, 4 * torch.eye(len(small), dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"tanh", "sigmoid"}))
def test_a_gain_keeps_the_size_of_the_signal(name):
    """E f(z)² of a Gaussian, by quadrature, against the gain: their product is 1."""
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    module = ACTIVATIONS[name].make().double().requires_grad_(False)
    power = torch.trapezoid(module(z) ** 2 * density, z).item()
    assert ACTIVATIONS[name].gain ** 2 * power == pytest.approx(1, rel=2e-4)


def deep(width: int = 128, layers: int = 20) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(width, 10))


def test_auto_carries_a_signal_through_a_deep_rectifier_and_small_gaussians_do_not():
    x = torch.randn(256, 128, generator=generator())
    model = deep()
    apply(model, generator=generator())
    assert 0.3 < model(x).std().item() < 3
    apply(model, "normal", generator=generator())
    assert model(x).std().item() < 1e-8


def test_layers_of_every_kind_get_what_is_right_for_them():
    model = nn.ModuleDict(
        {
            "embed": nn.Embedding(7, 5, padding_idx=0),
            "conv": nn.Conv2d(3, 16, 3),
            "norm": nn.BatchNorm2d(16),
            "layer": nn.LayerNorm(16),
            "bare": nn.BatchNorm1d(4, affine=False),
            "gru": nn.GRU(4, 8, num_layers=2, bidirectional=True),
            "lstm": nn.LSTM(4, 8, proj_size=3),
            "hidden": nn.Linear(16, 32),
            "last": nn.Linear(32, 3),
        }
    )
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7.0)
    model["norm"].running_mean.fill_(7.0)
    said = apply(model, generator=generator())
    assert said == (
        "N(0, 0.1²): embeddings; kaiming (relu) × 2; scale 1, shift 0: normalizations × 3; "
        "xavier and orthogonal: recurrent × 2; lecun: the head"
    )
    assert model["embed"].weight[0].abs().sum() == 0
    assert (model["norm"].weight == 1).all()
    assert (model["norm"].running_mean == 0).all()
    assert (model["layer"].bias == 0).all()
    assert (model["conv"].bias == 0).all()
    recurrent = model["gru"].weight_hh_l1_reverse
    for gate in recurrent.split(8):
        assert torch.allclose(gate @ gate.T, torch.eye(8), atol=1e-5)
    assert model["lstm"].bias_ih_l0[8:16].eq(1).all()
    assert model["lstm"].bias_ih_l0[:8].eq(0).all()
    assert not any((p == 7).any() for p in model.parameters())
    assert model["last"].weight.std().item() == pytest.approx(1 / math.sqrt(32), rel=0.25)


def test_one_seed_one_network():
    first, second = deep(), deep()
    apply(first, generator=generator(1))
    apply(second, generator=generator(1))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize(
    ("activation", "std"), [("relu", math.sqrt(2 / 64)), ("tanh", 5 / 3 * math.sqrt(2 / 192)), ("selu", 1 / 8)]
)
def test_auto_goes_by_the_activation(activation, std):
    model = nn.Sequential(nn.Linear(64, 128), nn.Linear(128, 2))
    apply(model, activation=activation, generator=generator())
    assert model[0].weight.std().item() == pytest.approx(std, rel=0.05)


def test_zeros_are_refused_with_the_reason():
    with pytest.raises(BadValue, match="all units of a layer would compute the same"):
        apply(deep(), "zeros")


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(BadValue, match=r"unknown initialization scheme 'kaimin'\. Did you mean 'kaiming'\?"):
        apply(deep(), "kaimin")
    with pytest.raises(BadValue, match=r"unknown activation 'rely'\. Did you mean 'relu'\?"):
        apply(deep(), activation="rely")


def test_the_head_is_found_by_name_or_as_the_last_linear_layer():
    model = deep()
    assert find_head(model) is model[-1]
    assert find_head(model, 10) is model[-1]
    assert find_head(model, 11) is None
    assert find_head(nn.Conv2d(1, 1, 1)) is None
    model.head = nn.Linear(3, 10)
    model.after = nn.Linear(2, 2)
    assert find_head(model) is model.head


def test_the_output_bias_gives_the_frequencies_back():
    shares = torch.tensor([0.7, 0.2, 0.1])
    layer = nn.Linear(4, 3)
    output_bias(layer, class_frequencies=shares * 50)
    assert torch.allclose(torch.softmax(layer.bias, 0), shares)
    assert layer.bias.mean().item() == pytest.approx(0, abs=1e-6)
    output_bias(layer, label_frequencies=[0.5, 0.9, 0.0])
    assert torch.sigmoid(layer.bias).tolist() == pytest.approx([0.5, 0.9, 1e-4], rel=1e-4)
    output_bias(layer, target_mean=[3.0, -1.0, 0.5])
    assert layer.bias.tolist() == [3.0, -1.0, 0.5]


def test_a_network_without_a_head_is_left_alone():
    assert "left as it is" in output_bias(None, target_mean=[0.0])
    assert "left as it is" in output_bias(nn.Linear(2, 2, bias=False), target_mean=[0.0, 0.0])


@pytest.mark.parametrize(
    ("statistics", "words"),
    [
        ({}, "must be exactly one of"),
        ({"class_frequencies": [1.0], "target_mean": [1.0]}, "must be exactly one of"),
        ({"class_frequencies": [1.0, 2.0]}, r"class_frequencies must have 3 entries; got \(2,\)"),
        ({"class_frequencies": [0.0, 0.0, 0.0]}, "be at least 0, and not all 0"),
        ({"label_frequencies": [0.0, 0.0, 1.5]}, r"must be in \[0, 1\]"),
    ],
)
def test_statistics_that_cannot_be_are_refused(statistics, words):
    with pytest.raises(BadValue, match=words):
        output_bias(nn.Linear(4, 3), **statistics)
