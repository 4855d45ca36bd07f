"""Noise on inputs: its moments, its law for a linear model, which inputs get it."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import InputNoise, apply, input_noise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_is_gaussian_of_the_given_width():
    x = torch.randn(50_000, generator=generator(), dtype=torch.float64)
    kept = x.clone()
    noise = input_noise(x, 0.3, generator(1)) - x
    assert torch.equal(x, kept)
    assert stats.kstest(noise.numpy(), "norm", args=(0, 0.3)).pvalue > 1e-4
    assert abs(float(torch.corrcoef(torch.stack([x, noise]))[0, 1])) < 0.03
    assert torch.equal(input_noise(x, 0.0), x)


def test_for_a_linear_model_it_is_a_penalty_on_the_weights():
    torch.manual_seed(0)
    model = nn.Linear(3, 1).double()
    x, y = torch.randn(1, 3, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    plain = (model(x) - y).square().mean()
    apply(model, InputNoise(0.5, generator=generator()))
    errors = (model(x.expand(200_000, 3)) - y).square()
    expected = plain + 0.25 * model.weight.square().sum()
    assert abs(errors.mean() - expected) < 5 * errors.std() / 200_000**0.5


class Fields(nn.Module):
    def forward(self, numeric: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return numeric, codes


def test_numbers_get_it_and_codes_do_not():
    model = Fields()
    assert apply(model, InputNoise(0.1)) == [""]
    numbers, codes = torch.zeros(4, 2), torch.arange(4)
    for out in (model(numbers, codes), model(numbers, codes=codes), model(codes=codes, numeric=numbers)):
        assert (out[0] != 0).all()
        assert torch.equal(out[1], codes)
    assert not numbers.any()


def test_on_an_inner_layer():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    apply(model, InputNoise(1.0), where="1")
    codes = torch.arange(5)
    assert not torch.equal(model(codes), model(codes))


def test_a_schedule_sets_its_strength():
    layer = InputNoise(2.0, schedule=lambda t: 1 / (1 + t), generator=generator())
    model = nn.Identity()
    apply(model, layer)
    zeros = torch.zeros(40_000)
    for step in range(3):
        assert float(model(zeros).std()) == pytest.approx(2 / (1 + step), rel=0.03)


def test_whole_numbers_are_refused():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    apply(model, InputNoise(0.1))
    words = r"input-noise: the inputs of the Sequential must have a field of floating-point numbers; got 'torch.int64'"
    with pytest.raises(BadValue, match=words):
        model(torch.arange(5))
    with pytest.raises(BadValue, match=r"input-noise: inputs must be floating-point numbers; got 'torch.uint8'"):
        InputNoise(0.1)(torch.zeros(3, dtype=torch.uint8))
    with pytest.raises(BadValue, match="input-noise: std must be at least 0; got -1"):
        InputNoise(-1)
