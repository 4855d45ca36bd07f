"""Fractional max pooling: regions by definition, the maximum by loops, sizes as torch has them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import FractionalMaxPool2d, apply, remove
from ravine.regularize.fractional_max_pool import bounds, frozen_bounds, pool


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    count=st.integers(1, 40),
    more=st.integers(0, 60),
    kind=st.sampled_from(["random", "pseudo"]),
    seed=st.integers(0, 99),
)
def test_bounds_rise_from_edge_to_edge_in_two_neighbouring_steps(count, more, kind, seed):
    span = count + more
    for found in (bounds(span, count, kind, generator(seed)), frozen_bounds(span, count, kind, seed)):
        steps = found.diff()
        assert len(steps) == count
        assert int(found[0]) == 0
        assert int(found[-1]) == span
        assert int(steps.min()) == span // count or span % count == 0
        assert int(steps.max()) - int(steps.min()) <= 1


def test_the_pseudo_random_ones_are_the_papers_formula():
    alpha, u = 24 / 17, float(torch.rand((), dtype=torch.float64, generator=generator(4)))
    expected = [math.ceil(alpha * (i + u)) - math.ceil(alpha * u) for i in range(18)]
    assert bounds(24, 17, "pseudo", generator(4)).tolist() == expected


def test_random_steps_come_in_any_order_and_pseudo_random_ones_are_even():
    orders = {tuple(bounds(6, 4, "random", generator(seed)).diff().tolist()) for seed in range(200)}
    assert len(orders) == 6  # 4 choose 2
    even = {tuple(bounds(6, 4, "pseudo", generator(seed)).diff().tolist()) for seed in range(200)}
    assert even == {(1, 2, 1, 2), (2, 1, 2, 1)}


@pytest.mark.parametrize("overlapping", [True, False])
@given(height=st.integers(2, 9), width=st.integers(2, 9), seed=st.integers(0, 99))
def test_the_maximum_of_each_region(overlapping, height, width, seed):
    x = torch.randn(2, 3, height, width, generator=generator(seed))
    rows, columns = (
        bounds(side - overlapping, max(1, int(side / 1.4)), "random", generator(seed + place))
        for place, side in enumerate((height, width))
    )
    out = pool(x, rows, columns, overlapping)
    for i in range(len(rows) - 1):
        for j in range(len(columns) - 1):
            region = x[:, :, rows[i] : rows[i + 1] + overlapping, columns[j] : columns[j + 1] + overlapping]
            assert torch.equal(out[:, :, i, j], region.amax((2, 3)))


def test_disjoint_regions_of_two_are_torchs_max_pooling():
    x = torch.randn(2, 3, 8, 6, generator=generator())
    out = pool(x, torch.arange(0, 9, 2), torch.arange(0, 7, 2), overlapping=False)
    assert torch.equal(out, nn.functional.max_pool2d(x, 2))


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("kind", ["random", "pseudo"])
def test_the_layer(kind, overlapping):
    layer = FractionalMaxPool2d(2**0.5, kind=kind, overlapping=overlapping, generator=generator())
    x = torch.randn(2, 3, 20, 25, generator=generator(), requires_grad=True)
    outs = [layer(x) for _ in range(5)]
    assert outs[0].shape == (2, 3, 14, 17)
    assert any(not torch.equal(outs[0], out) for out in outs)
    outs[0].sum().backward()
    assert x.grad.sum() == pytest.approx(outs[0].numel(), rel=1e-5)
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    average = FractionalMaxPool2d(2**0.5, kind=kind, overlapping=overlapping, test="average", draws=40).eval()
    trained = torch.stack([layer.train()(x) for _ in range(300)]).mean(0)
    assert (average(x) - trained).abs().mean() < (layer.eval()(x) - trained).abs().mean() / 2


@given(
    side=st.integers(4, 40), window=st.integers(1, 4), stride=st.integers(2, 4), padding=st.integers(0, 2),
    ceil_mode=st.booleans(),
)  # fmt: skip
def test_without_a_ratio_sizes_stay(side, window, stride, padding, ceil_mode):
    layer = nn.MaxPool2d(window, stride, padding=min(padding, window // 2), ceil_mode=ceil_mode)
    x = torch.randn(1, 1, side, side + 3, generator=generator())
    plain = layer(x)
    apply(layer, FractionalMaxPool2d())
    assert layer(x).shape == plain.shape
    assert layer.eval()(x).shape == plain.shape
    remove(layer)
    assert torch.equal(layer(x), plain)


def test_poolings_that_shrink_are_swapped():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.MaxPool2d(3, stride=1), nn.MaxPool2d(3, 2, 1))
    assert apply(model, FractionalMaxPool2d(1.3)) == ["1", "3"]
    assert model(torch.randn(1, 1, 30, 30)).shape == (1, 2, 14, 14)


def test_what_cannot_be_swapped_is_refused():
    with pytest.raises(BadValue, match=r"layer '0' is a AvgPool2d; it replaces MaxPool2d alone"):
        apply(nn.Sequential(nn.AvgPool2d(2)), FractionalMaxPool2d(), where="0")
    with pytest.raises(BadValue, match="returns indices, and fractional regions have none"):
        apply(nn.MaxPool2d(2, return_indices=True), FractionalMaxPool2d())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ratio": 1.0}, "fractional-max-pool: ratio must be above 1; got 1.0"),
        ({"kind": "even"}, "kind must be one of random, pseudo; got 'even'"),
        ({"test": "best"}, "test must be one of frozen, average; got 'best'"),
        ({"draws": 0}, "draws must be at least 1; got 0"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(BadValue, match=words):
        FractionalMaxPool2d(**settings)


def test_bad_input_is_refused():
    with pytest.raises(BadValue, match="ratio must be given where it replaces no layer; got None"):
        FractionalMaxPool2d()(torch.ones(1, 1, 4, 4))
    with pytest.raises(BadValue, match=r"its input must have shape \(batch, channels, height, width\); got \(4, 4\)"):
        FractionalMaxPool2d(1.5)(torch.ones(4, 4))
