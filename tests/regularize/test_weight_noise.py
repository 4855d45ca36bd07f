"""Noise on weights: its moments, its schedule, where it is and is not."""

from __future__ import annotations

import copy

import pytest
import torch
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import WeightNoise, apply, weight_noise
from ravine.schedules.linear import Linear


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("relative", [False, True])
def test_the_noise_is_gaussian_of_the_size_asked_for(relative):
    weight = torch.full((300, 300), 3.0)
    noise = (weight_noise(weight, 0.1, relative, generator()) - weight).flatten()
    assert stats.kstest(noise.numpy(), stats.norm(0, 0.3 if relative else 0.1).cdf).pvalue > 1e-4


def test_the_gradient_passes_through_unchanged():
    weight = torch.randn(3, 4, requires_grad=True)
    slope = torch.randn(3, 4)
    (weight_noise(weight, 0.5, True) * slope).sum().backward()
    torch.testing.assert_close(weight.grad, slope)


def test_the_schedule_counts_training_passes_of_each_layer():
    seen: list[float] = []

    def factor(t: float) -> float:
        seen.append(t)
        return 0.0

    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    plain = copy.deepcopy(model)
    x = torch.randn(2, 3)
    apply(model, WeightNoise(0.5, schedule=factor, start=7))
    for _ in range(3):
        torch.testing.assert_close(model(x), plain(x))
        model.eval()(x)
        model.train()
    assert seen == [7, 7, 8, 8, 9, 9]
    assert torch.equal(model.eval()(x), plain(x))


def test_noise_fades_with_a_schedule_also_in_copies_and_compiled():
    layer = nn.Linear(2000, 1, bias=False)
    nn.init.zeros_(layer.weight)
    apply(layer, WeightNoise(1.0, schedule=Linear(4)))
    compiled = torch.compile(layer, backend="eager")
    x = torch.eye(2000)
    sizes = [layer(x).detach().std(), compiled(x).detach().std()]
    twin = copy.deepcopy(layer)
    sizes += [twin(x).detach().std() for _ in range(3)]
    assert torch.stack(sizes).tolist() == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0], rel=0.1, abs=1e-12)


def test_recurrent_layers_have_it_on_input_and_hidden_weights():
    layer = nn.GRU(2, 3)
    with torch.no_grad():
        for p in layer.parameters():
            p.zero_()
    x = torch.ones(1, 1, 2)
    apply(layer, WeightNoise(1.0))
    assert layer(x)[0].abs().min() > 0  # through the input weights: the state is zero


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"std": -1.0}, "weight-noise: std must be at least 0; got -1.0"),
        ({"std": 0.1, "schedule": 0.5}, "weight-noise: schedule must be a function of the step, or None; got 0.5"),
        ({"std": 0.1, "start": -1}, "weight-noise: start must be at least 0; got -1"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(BadValue, match=words):
        WeightNoise(**arguments)
