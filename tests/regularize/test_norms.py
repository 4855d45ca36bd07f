"""Normalizations by name are torch's layers, wherever the channels lie."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import NORMS, make_norm
from ravine.regularize.channel_groups import divisors, groups_of_at_least, groups_of_at_most

LAYERS = [name for name, norm in NORMS.items() if not norm.needs_layer_before]


@pytest.mark.parametrize(
    ("name", "settings", "dims", "twin"),
    [
        ("batch", {"momentum": 0.3}, 2, lambda: nn.BatchNorm2d(8, momentum=0.3)),
        ("batch", {}, 1, lambda: nn.BatchNorm1d(8)),
        ("batch", {}, 3, lambda: nn.BatchNorm3d(8)),
        ("batch", {}, None, lambda: nn.BatchNorm2d(8)),
        ("ghost", {"size": 64}, 2, lambda: nn.BatchNorm2d(8)),
        ("group", {"groups": 4}, 2, lambda: nn.GroupNorm(4, 8)),
        ("group", {}, 2, lambda: nn.GroupNorm(2, 8)),
        ("layer", {}, 2, lambda: nn.GroupNorm(1, 8)),
        ("instance", {}, 2, lambda: nn.InstanceNorm2d(8)),
        ("instance", {}, None, lambda: nn.InstanceNorm2d(8)),
        ("decorrelated", {"groups": 8}, 2, lambda: nn.BatchNorm2d(8)),
    ],
)
def test_each_is_torchs(name, settings, dims, twin):
    positions = (3, 4, 2)[:dims] if dims else (3, 4)
    x = torch.randn(5, 8, *positions) * 2 + 1
    torch.testing.assert_close(make_norm(name, 8, dims, **settings)(x), twin()(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("affine", [True, False])
def test_channels_last_is_the_same_on_moved_channels(name, affine):
    x = torch.randn(20, 8, 3)
    second, last = make_norm(name, 8, 1, affine=affine), make_norm(name, 8, 1, channels_last=True, affine=affine)
    assert bool(list(last.parameters())) == affine
    # Layer norm is over positions too where channels are second, over the channels alone where they are last.
    want = nn.LayerNorm(8)(x.mT) if name == "layer" else second(x).mT
    torch.testing.assert_close(last(x.mT), want)


def test_rms_over_channels():
    x = torch.randn(4, 8, 3, 3)
    want = x / x.square().mean(1, keepdim=True).sqrt()
    torch.testing.assert_close(make_norm("rms", 8, 2)(x), want)


def test_every_record_is_whole():
    for name, norm in NORMS.items():
        assert norm.name == name
        assert norm.formula
        assert norm.source.link


def test_counts_of_groups():
    for channels in range(1, 130):
        fit = divisors(channels)
        assert all(channels % groups == 0 for groups in fit)
        small = groups_of_at_most(channels, 16)
        assert channels // small <= 16
        assert not any(channels // groups <= 16 for groups in fit if groups < small)
        assert groups_of_at_least(channels, 4, 32) in fit


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("grup", 8), {}, "unknown normalization 'grup'. Did you mean 'group'"),
        (("group", 8), {"group": 2}, "group norm has no setting 'group'. Did you mean 'groups'"),
        (("rms", 8), {"x": 2}, "no setting 'x'. Known: eps"),
        (("group", 30), {"groups": 4}, "divide the 30 channels; got 4. Nearest that do: 3 and 5"),
        (("group", 30), {"groups": 40}, "Nearest that do: 30"),
        (("batch", 0), {}, "channels must be at least 1"),
        (("batch", 8, 4), {}, "dims must be 1, 2, 3 or None"),
        (("weight", 8), {}, "acts on the one before"),
    ],
)
def test_what_cannot_be_is_refused(arguments, settings, words):
    with pytest.raises(BadValue, match=words):
        make_norm(*arguments, **settings)
