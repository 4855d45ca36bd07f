"""Monte Carlo predictions: closed forms of the doubt, exact modes, what stays as in evaluation."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import (
    DropConnect,
    Dropout,
    FractionalMaxPool2d,
    StochasticDepth,
    apply,
    mc_predict,
)
from ravine.regularize.mc_predict import entropy, mutual_information, summary


def dense(p: float = 0.5) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(p), nn.Linear(16, 3)
    )  # fmt: skip


def rows(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(3))


def test_masks_that_contradict_each_other_carry_all_the_information():
    sure = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(mutual_information(sure).item(), math.log(2))
    torch.testing.assert_close(entropy(sure.mean(0)).item(), math.log(2))


def test_masks_that_agree_carry_none():
    unsure = torch.full((5, 2, 4), 0.25, dtype=torch.float64)
    torch.testing.assert_close(mutual_information(unsure), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(entropy(unsure[0]), torch.full((2,), math.log(4), dtype=torch.float64))


def test_information_is_the_mean_divergence_from_the_mean():
    # I = mean KL(pₛ ‖ mean p), another way to the same number.
    draws = torch.randn(30, 7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).softmax(-1)
    mean = draws.mean(0)
    divergence = (draws * (draws / mean).log()).sum(-1).mean(0)
    torch.testing.assert_close(mutual_information(draws), divergence)


def test_labels_are_pairs_of_classes():
    logits = torch.randn(20, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    found = summary(logits, "labels")
    pairs = summary(torch.stack([logits, torch.zeros_like(logits)], -1), "classes")
    torch.testing.assert_close(found.entropy, pairs.entropy)
    torch.testing.assert_close(found.information, pairs.information)
    torch.testing.assert_close(found.mean, pairs.mean[..., 0])


def test_a_linear_model_has_the_variance_of_the_formula():
    # Dropout in front of a linear layer: Var = p/(1 − p)·Σ w²x².
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 2)).double()
    x = rows().double()
    found = mc_predict(model, x, 20_000, kind="numbers", seed=1)
    variance = 0.25 * x.square() @ model[1].weight.square().T
    torch.testing.assert_close(found.std.square(), variance, rtol=0.1, atol=1e-3)
    assert ((found.mean - model.eval()(x)).abs() < 6 * found.std / 20_000**0.5).all()
    assert found.entropy is None
    assert found.information is None


@pytest.mark.parametrize("at_once", [6, 7, 40, 4096])
def test_many_samples_in_one_pass_are_as_many_one_by_one(at_once):
    found = mc_predict(dense(), rows(), 400, seed=2, at_once=at_once)
    assert found.draws.shape == (400, 6, 3)
    torch.testing.assert_close(found.draws.sum(-1), torch.ones(400, 6))
    slow = mc_predict(dense(), rows(), 400, seed=3, at_once=1)
    assert ((found.mean - slow.mean).abs() < 5 * found.std * (2 / 400) ** 0.5 + 1e-6).all()
    assert len(found.draws[:, 0].unique(dim=0)) > 100
    torch.testing.assert_close(found.std, slow.std, rtol=0.3, atol=0.02)


def test_modes_are_restored_and_running_statistics_left_alone():
    model = dense()
    model[1].eval()
    modes = [layer.training for layer in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    mc_predict(model, rows(), 3)
    assert [layer.training for layer in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    with pytest.raises(RuntimeError):
        mc_predict(model, torch.ones(2, 5), 3)
    assert [layer.training for layer in model.modules()] == modes


def test_batch_norm_is_as_in_evaluation_even_where_it_ends_a_dropped_branch():
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.norm(x)

    model = Block()
    x = rows(50)
    apply(model, StochasticDepth(0.5), where="norm")
    found = mc_predict(model, x, 200, kind="numbers", seed=0)
    # Statistics 0 and 1: the branch is x, with the batch's own it would be another; its shares are 0 and 2.
    factors = (found.draws / x - 1).round(decimals=3).unique()
    assert factors.tolist() == pytest.approx([0, 2], abs=1e-2)
    assert model.norm.num_batches_tracked == 0


def test_a_seed_makes_it_repeatable_and_leaves_the_global_generator():
    model = dense()
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    first = mc_predict(model, rows(), 5, seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.draws, mc_predict(model, rows(), 5, seed=1).draws)
    assert not torch.equal(first.draws, mc_predict(model, rows(), 5, seed=2).draws)


@pytest.mark.parametrize(
    "technique",
    [DropConnect(0.5), StochasticDepth(0.5, mode="batch"), FractionalMaxPool2d(kind="pseudo")],
    ids=lambda made: made.name,
)
def test_what_draws_once_a_batch_gets_a_pass_for_each_sample(technique):
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.mix(x)

    torch.manual_seed(0)
    model = nn.Sequential(Block(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(25, 3))
    apply(model, technique)
    passes = []
    model[2].register_forward_hook(lambda *_: passes.append(1))
    found = mc_predict(model, torch.randn(2, 1, 10, 10), 12, seed=0)
    assert len(passes) == 12
    assert (found.std > 0).all()


@pytest.mark.parametrize("inner", [True, False])
def test_fused_transformer_layers_drop_too(inner):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3 if inner else 0.0, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 2)).eval()
    if not inner:
        apply(model, StochasticDepth(0.5))
    found = mc_predict(model, torch.randn(3, 5, 8), 30, seed=0)
    assert (found.std > 0).all()
    assert not any(module.training for module in model.modules())


def test_several_fields():
    class Fields(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dropout, self.table = nn.Dropout(0.5), nn.Embedding(3, 2)

        def forward(self, numeric: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
            return self.dropout(numeric) + self.table(codes)

    found = mc_predict(Fields(), (torch.ones(4, 2), torch.tensor([0, 1, 2, 0])), 10, kind="numbers")
    assert found.mean.shape == (4, 2)


def test_the_record_is_frozen():
    found = mc_predict(dense(), rows(), 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.mean = found.std


def test_dropout_by_apply():
    model = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 2))
    with pytest.raises(BadValue, match=r"mc_predict: nothing in the Sequential is random\. Put dropout into it"):
        mc_predict(model, rows())
    apply(model, Dropout(0.5))
    assert (mc_predict(model, rows()).std > 0).all()
    assert model.training


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"samples": 1}, "mc_predict: samples must be at least 2; got 1"),
        ({"kind": "cats"}, "mc_predict: kind must be one of classes, labels, numbers; got 'cats'"),
        ({"at_once": 0}, "mc_predict: at_once must be at least 1; got 0"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(BadValue, match=words):
        mc_predict(dense(), rows(), **settings)
