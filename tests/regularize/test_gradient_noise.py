"""Noise on gradients: the paper's schedule, on every parameter once, in copies too."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import GradientNoise, apply, gradient_noise, remove


def gradients(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    model(x).sum().backward()
    return [p.grad.clone() for p in model.parameters()]


def test_the_noise_is_gaussian():
    noise = gradient_noise(torch.zeros(90_000), 0.2, torch.Generator().manual_seed(0))
    assert stats.kstest(noise.numpy(), stats.norm(0, 0.2).cdf).pvalue > 1e-4


def test_sigma_falls_as_the_paper_says():
    noise = GradientNoise(0.3)
    assert [noise.std(t) ** 2 for t in (0, 1, 9)] == pytest.approx([0.3, 0.3 / 2**0.55, 0.3 / 10**0.55])


def test_gradients_have_the_noise_of_their_step():
    model = nn.Linear(3000, 1)
    x = torch.ones(1, 3000)
    apply(model, GradientNoise(1.0, gamma=2.0, start=1))
    sizes = [float((gradients(model, x)[0] - x).std()) for _ in range(3)]
    assert sizes == pytest.approx([1 / 2, 1 / 3, 1 / 4], rel=0.1)


def test_copies_and_pickles_have_it_and_go_on_counting():
    model = nn.Sequential(nn.Linear(3000, 1))
    x = torch.ones(1, 3000)
    apply(model, GradientNoise(1.0, gamma=2.0))
    gradients(model, x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert float((gradients(other, x)[0] - x).std()) == pytest.approx(1 / 2, rel=0.1)
        remove(other)
        assert torch.equal(gradients(other, x)[0], x)
        assert type(other[0]) is nn.Linear


def test_nothing_in_evaluation_and_nothing_left_behind():
    model = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.ReLU())
    x = torch.randn(5, 4)
    before = [dict(vars(layer)) for layer in model]
    plain = gradients(copy.deepcopy(model).eval(), x)
    assert apply(model, GradientNoise(1.0)) == ["0", "1"]
    assert all(torch.equal(g, h) for g, h in zip(gradients(model.eval(), x), plain, strict=True))
    noisy = gradients(model.train(), x)
    assert all((g - h).abs().min() > 0 for g, h in zip(noisy, gradients(model, x), strict=True))
    assert remove(model) == ["0", "1"]
    for layer, held in zip(model.eval(), before, strict=True):
        assert {name: v for name, v in vars(layer).items() if name != "training"} == {
            name: v for name, v in held.items() if name != "training"
        }
    assert all(torch.equal(g, h) for g, h in zip(gradients(model, x), plain, strict=True))


def test_a_shared_parameter_has_it_once():
    first, second = nn.Linear(2000, 2000, bias=False), nn.Linear(2000, 2000, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    nn.init.zeros_(first.weight)
    apply(model, GradientNoise(1.0, gamma=0.0))
    assert float(gradients(model, torch.zeros(1, 2000))[0].std()) == pytest.approx(1.0, rel=0.01)


def test_compiled_models_have_it():
    model = nn.Sequential(nn.Linear(3000, 1))
    x = torch.ones(1, 3000)
    apply(model, GradientNoise(1.0, gamma=2.0))
    compiled = torch.compile(model, backend="aot_eager")
    sizes = [float((gradients(compiled, x)[0] - x).std()) for _ in range(3)]
    assert sizes == pytest.approx([1, 1 / 2, 1 / 3], rel=0.1)


def test_refusals():
    with pytest.raises(BadValue, match="gradient-noise: eta must be at least 0; got -1"):
        GradientNoise(-1)
    with pytest.raises(BadValue, match=r"layer '0' has no parameter of its own that requires a gradient"):
        apply(nn.Sequential(nn.ReLU()), GradientNoise(0.1), where=nn.ReLU)
    with pytest.raises(BadValue, match="embedding '' must have sparse=False; got 'sparse=True'"):
        apply(nn.Embedding(3, 2, sparse=True), GradientNoise(0.1))
