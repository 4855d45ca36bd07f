"""Recomputed statistics are those of all values together."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import update_bn

from ravine.core.errors import BadData, BadValue
from ravine.regularize import (
    DecorrelatedBatchNorm1d,
    DecorrelatedBatchNorm2d,
    FrozenBatchNorm,
    GhostBatchNorm,
    recompute_batch_norm,
)
from ravine.regularize.recompute_batch_norm import Population


def convnet() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4, 6, 3),
        nn.BatchNorm2d(6, momentum=None), nn.Flatten(), nn.Linear(6 * 16, 5), nn.BatchNorm1d(5),
    )  # fmt: skip


@given(cuts=st.lists(st.integers(1, 59), max_size=6), offset=st.sampled_from([0.0, 1000.0]))
@settings(max_examples=30, deadline=None)
def test_a_population_does_not_depend_on_how_it_is_cut(cuts, offset):
    x = torch.randn(60, 4, 3, generator=torch.Generator().manual_seed(1)).double() + offset
    edges = [0, *sorted(set(cuts)), 60]
    for groups in (1, 2, 4):
        population = Population(groups)
        for low, high in itertools.pairwise(edges):
            population.add(x[low:high])
        flat = x.transpose(0, 1).reshape(4, -1)
        torch.testing.assert_close(population.mean.flatten(), flat.mean(1))
        for k, part in enumerate(flat.chunk(groups)):
            want = torch.cov(part, correction=0).view(4 // groups, -1)
            torch.testing.assert_close(population.covariance[k], want, atol=1e-7, rtol=1e-7)
        assert population.count == 180


def test_the_first_layer_has_exactly_the_statistics_of_the_data():
    model = convnet()
    batches = [torch.randn(size, 3, 8, 8) * size for size in (8, 5, 11)]
    with torch.no_grad():
        features = torch.cat([model[0](x) for x in batches]).transpose(0, 1).flatten(1).double()
    assert recompute_batch_norm(model, batches) == ["1", "5", "8"]
    torch.testing.assert_close(model[1].running_mean.double(), features.mean(1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model[1].running_var.double(), features.var(1, correction=0), atol=1e-4, rtol=1e-5)
    assert int(model[1].num_batches_tracked) == 3


def test_one_batch_is_what_update_bn_finds_but_for_the_unbiased_variance():
    ours, theirs = convnet(), convnet()
    ours[3], theirs[3] = nn.Identity(), nn.Identity()  # torch's leaves dropout on
    x = torch.randn(16, 3, 8, 8)
    recompute_batch_norm(ours, [x])
    update_bn([x], theirs)
    for layer, values in ((1, 16 * 36), (5, 16 * 16), (8, 16)):
        torch.testing.assert_close(ours[layer].running_mean, theirs[layer].running_mean, atol=1e-5, rtol=1e-4)
        unbiased = ours[layer].running_var * values / (values - 1)
        torch.testing.assert_close(unbiased, theirs[layer].running_var, atol=1e-5, rtol=1e-4)


def test_modes_momenta_hooks_and_all_else_are_as_before():
    model = convnet()
    model[4].eval()
    before = [(module.training, getattr(module, "momentum", None)) for module in model.modules()]
    kept = {name: value.clone() for name, value in model.state_dict().items() if "running" not in name}
    recompute_batch_norm(model, [(torch.randn(6, 3, 8, 8), torch.zeros(6))])
    assert before == [(module.training, getattr(module, "momentum", None)) for module in model.modules()]
    assert not any(module._forward_pre_hooks for module in model.modules())
    for name, value in kept.items():
        if "tracked" not in name:
            assert torch.equal(model.state_dict()[name], value)


def test_dropout_is_off_so_that_nothing_is_random():
    first, second = convnet(), convnet()
    batches = [torch.randn(6, 3, 8, 8)]
    recompute_batch_norm(first, batches)
    recompute_batch_norm(second, batches)
    assert torch.equal(first[8].running_var, second[8].running_var)


def test_evaluation_on_one_batch_is_then_training_on_it():
    model = nn.Sequential(nn.Linear(5, 6), DecorrelatedBatchNorm1d(6, groups=2), nn.Linear(6, 4), GhostBatchNorm(4, 40))
    model = model.double()
    x = torch.randn(40, 5).double()
    assert recompute_batch_norm(model, [x]) == ["1", "3"]
    torch.testing.assert_close(model.eval()(x), model.train()(x))


def test_decorrelated_layers_whiten_the_population():
    layer = DecorrelatedBatchNorm2d(8, groups=2, affine=False)
    mixing = torch.eye(8) + 0.3 * torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    batches = [torch.einsum("dc,nchw->ndhw", mixing, torch.randn(6, 8, 9, 9)) + k for k in range(3)]
    recompute_batch_norm(nn.Sequential(layer), batches)
    out = torch.cat([layer.eval()(x) for x in batches]).transpose(0, 1).flatten(1)
    for part in out.chunk(2):
        torch.testing.assert_close(torch.cov(part, correction=0), torch.eye(4), atol=2e-3, rtol=0)


def test_frozen_unreached_and_untracked_layers_stay():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
            self.frozen, self.free = FrozenBatchNorm(3), nn.BatchNorm1d(3, track_running_stats=False)

        def forward(self, x):
            return self.free(self.frozen(self.used(x)))

    model = Half()
    assert recompute_batch_norm(model, [{"x": torch.randn(9, 3) + 5}]) == ["used"]
    assert torch.equal(model.unused.running_mean, torch.zeros(3))
    assert torch.equal(model.frozen.running_mean, torch.zeros(3))
    assert recompute_batch_norm(nn.Linear(2, 2), []) == []


def test_a_failure_leaves_everything_as_it_was():
    model = convnet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    good = torch.randn(6, 3, 8, 8)
    with pytest.raises(BadValue, match="BatchNorm1d '8'"):
        recompute_batch_norm(model, [good, good[:1]])
    with pytest.raises(BadValue, match="a tensor or begin with one; got str"):
        recompute_batch_norm(model, [good, "x"])
    with pytest.raises(BadData, match="no batch"):
        recompute_batch_norm(model, iter(()))
    for name, value in before.items():
        assert torch.equal(model.state_dict()[name], value)
    assert model.training
