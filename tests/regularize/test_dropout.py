"""Dropout in both readings: means, variances, one seed one mask, torch's own, the average of many masks."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import Dropout, apply, dropout, remove
from ravine.regularize.dropout import dropped, scaled


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(p=st.floats(0.01, 0.99), seed=st.integers(0, 2**31))
def test_each_element_is_dropped_with_its_probability(p, seed):
    x = torch.ones(20_000, dtype=torch.float64)
    out = dropout(x, p, generator(seed))
    kept = out != 0
    torch.testing.assert_close(out[kept], torch.full_like(out[kept], 1 / (1 - p)), rtol=1e-2, atol=0)
    assert stats.binomtest(int(kept.sum()), len(x), 1 - p).pvalue > 1e-7


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_mean_and_variance_are_those_of_the_formula(p):
    x = torch.linspace(-2, 3, 7, dtype=torch.float64)
    many = 40_000
    outs = dropout(x.expand(many, 7), p, generator(1))
    error = ((p / (1 - p)) ** 0.5 * x.abs() / many**0.5).clamp(min=1e-12)
    assert ((outs.mean(0) - x).abs() / error).max() < 5
    torch.testing.assert_close(outs.var(0), p / (1 - p) * x**2, rtol=0.05, atol=1e-9)


@given(p=st.floats(0.0, 0.99), seed=st.integers(0, 1000))
def test_the_two_readings_are_one_up_to_scale(p, seed):
    x = torch.randn(50, 6, generator=generator(7), dtype=torch.float64)
    inverted = dropout(x, p, generator(seed))
    torch.testing.assert_close(dropped(x, p, generator(seed)), inverted * (1 - p), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(scaled(x, p), x * (1 - p))


def test_the_edges():
    x = torch.randn(30, generator=generator())
    assert torch.equal(dropout(x, 0.0), x)
    assert not dropout(x, 1.0).any()
    assert not dropped(x, 1.0).any()
    assert torch.equal(dropped(x, 0.0), x)


def test_one_seed_one_mask_and_the_global_generator_otherwise():
    x = torch.ones(100)
    assert torch.equal(dropout(x, 0.5, generator(3)), dropout(x, 0.5, generator(3)))
    assert not torch.equal(dropout(x, 0.5, generator(3)), dropout(x, 0.5, generator(4)))
    torch.manual_seed(5)
    first = dropout(x, 0.5)
    torch.manual_seed(5)
    assert torch.equal(dropout(x, 0.5), first)


def test_it_has_the_distribution_of_torchs_own():
    torch.manual_seed(0)
    x = torch.ones(500, 200)
    ours, torchs = (layer(x).count_nonzero(1).double() for layer in (Dropout(0.3), nn.Dropout(0.3)))
    assert stats.ks_2samp(ours, torchs).pvalue > 1e-4


@pytest.mark.parametrize("reading", ["inverted", "test-time"])
def test_many_masks_approach_the_scaled_network(reading):
    # Exactly so for what is linear behind the mask.
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 20), nn.Tanh(), nn.Linear(20, 3)).double()
    assert apply(model, Dropout(0.4, reading=reading, generator=generator(2))) == ["1"]
    x = torch.randn(1, 5, dtype=torch.float64)
    outs = model(x.expand(40_000, 5))
    model.eval()
    assert ((outs.mean(0) - model(x)[0]).abs() / (outs.std(0) / 200)).max() < 5


def test_evaluation_of_the_second_reading_is_scaled():
    layer = Dropout(0.25, reading="test-time").eval()
    torch.testing.assert_close(layer(torch.ones(4)), torch.full((4,), 0.75))
    assert (Dropout(0.25).eval()(torch.ones(4)) == 1).all()


def test_where_a_network_has_dropout_its_places_are_taken_over():
    model = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 2))
    assert apply(model, Dropout(1.0)) == ["2"]
    assert not model[:3](torch.ones(5, 4)).any()
    kept = copy.deepcopy(model)
    remove(model)
    assert model[2].p == 0.5
    remove(kept)
    assert kept[2].p == 0.5
    apply(model, Dropout(0.1))
    rate = (model[2](torch.ones(100_000)) == 0).float().mean()
    assert abs(float(rate) - 0.1) < 0.005  # 0.1 alone, not 0.1 after 0.5


def test_without_dropout_it_goes_behind_hidden_activations():
    dense = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    assert apply(dense, Dropout(0.5)) == ["4"]
    convolutional = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.Sigmoid())
    assert apply(convolutional, Dropout(0.5)) == ["1"]


def test_recurrent_layers_keep_their_state():
    layer = nn.LSTM(3, 4)
    apply(layer, Dropout(1.0), where=nn.LSTM)
    steps, (hidden, _) = layer(torch.randn(5, 2, 3))
    assert not steps.any()
    assert hidden.any()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), True])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(BadValue, match=r"dropout: p must be in \[0, 1\]; got"):
        Dropout(p)
    with pytest.raises(BadValue, match=r"dropout: p must be in \[0, 1\]; got"):
        dropout(torch.ones(2), p)


def test_an_unknown_reading_is_refused():
    with pytest.raises(BadValue, match="reading must be one of inverted, test-time; got 'gaussian'"):
        Dropout(0.5, reading="gaussian")


def test_a_network_without_a_place_is_refused():
    with pytest.raises(BadValue, match="dropout: no layer of the Linear"):
        apply(nn.Linear(2, 2), Dropout(0.5))
