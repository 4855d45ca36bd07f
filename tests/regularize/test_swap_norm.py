"""Norms swapped in networks that exist: what changes, what stays, what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue, Faults
from ravine.regularize import NORMS, FrozenBatchNorm, make_norm, recompute_batch_norm, swap_norm

LAYERS = [name for name, norm in NORMS.items() if not norm.needs_layer_before]


def convnet() -> nn.Module:
    """A convolutional net whose batch norms have seen data and have scales and shifts of their own."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Sequential(nn.Conv2d(8, 12, 3), nn.BatchNorm2d(12, eps=1e-3, momentum=0.3), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 6), nn.BatchNorm1d(6),
    )  # fmt: skip
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.bias.normal_()
        for _ in range(20):
            model(torch.randn(16, 3, 9, 9) + 1)
    return model


PICTURES = torch.randn(20, 3, 9, 9, generator=torch.Generator().manual_seed(1))
PLACES = ["1", "3.1", "7"]


@pytest.mark.parametrize("name", [name for name in NORMS if name != "instance"])
def test_every_norm_goes_into_a_convnet_trains_and_survives(name):
    model = convnet()
    shifts = [model.get_submodule(place).bias.detach().clone() for place in PLACES]
    assert swap_norm(model, name) == PLACES
    if name not in ("rms", "weight"):
        for place, shift in zip(PLACES, shifts, strict=True):
            assert torch.equal(model.get_submodule(place).bias, shift)
    model(PICTURES).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    want = model(PICTURES)
    fresh = convnet()
    swap_norm(fresh, name)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.eval()(PICTURES), want)
    assert torch.equal(copy.deepcopy(model)(PICTURES), want)
    torch.testing.assert_close(torch.export.export(model, (PICTURES,)).module()(PICTURES), want)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, inside its compiler
def test_a_swapped_network_compiles():
    for name in ("group", "rms", "weight"):
        model = convnet()
        swap_norm(model, name)
        compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(PICTURES), model(PICTURES))


@pytest.mark.parametrize("name", ["batch", "ghost", "decorrelated", "weight"])
def test_evaluation_is_as_before_where_statistics_carry_over(name):
    model = convnet().eval()
    want = model(PICTURES)
    swap_norm(model, name)
    torch.testing.assert_close(model(PICTURES), want, atol=1e-5, rtol=1e-4)


def test_epsilon_and_momentum_carry_over_unless_given():
    model = convnet()
    swap_norm(model, "ghost", size=8, momentum=0.7)
    assert (model[3][1].eps, model[3][1].momentum, model[3][1].size) == (1e-3, 0.7, 8)
    swap_norm(model, "batch")
    assert (model[3][1].eps, model[3][1].momentum) == (1e-3, 0.7)
    assert type(model[1]) is type(model[3][1]) is not nn.BatchNorm1d


def test_frozen_statistics_stay_and_do_not_train():
    model = convnet()
    want = copy.deepcopy(model).eval()(PICTURES)
    assert swap_norm(model, "batch", frozen=True) == PLACES
    before = copy.deepcopy(model.state_dict())
    torch.testing.assert_close(model.train()(PICTURES[:1]), want[:1])
    model(PICTURES)
    torch.testing.assert_close(model.state_dict(), before)
    assert all(isinstance(model.get_submodule(place), FrozenBatchNorm) for place in PLACES)
    assert not any(p.requires_grad for place in PLACES for p in model.get_submodule(place).parameters())
    assert model[0].weight.requires_grad
    swap_norm(model, "batch")
    assert type(model[3][1].train()).__name__ == "AnyBatchNorm"
    assert model[3][1].training


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("old", LAYERS)
def test_every_norm_becomes_every_other_and_back(old, name):
    x = torch.randn(24, 8, 5, 5)
    model = nn.Sequential(make_norm(old, 8, 2))
    assert swap_norm(model, name) == ["0"]
    torch.testing.assert_close(model(x), make_norm(name, 8, 2)(x), atol=1e-5, rtol=1e-4)
    tokens = nn.Sequential(make_norm(old, 8, 1, channels_last=True))
    swap_norm(tokens, name)
    steps = torch.randn(24, 5, 8)
    torch.testing.assert_close(tokens(steps), make_norm(name, 8, 1, channels_last=True)(steps), atol=1e-5, rtol=1e-4)
    swap_norm(tokens, old)
    again = make_norm(old, 8, 1, channels_last=True)
    torch.testing.assert_close(tokens(steps), again(steps), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(8), (6, 8)), (nn.BatchNorm1d(8), (6, 8, 5)), (nn.BatchNorm2d(8), (6, 8, 3, 3)),
        (nn.BatchNorm3d(8), (6, 8, 2, 2, 2)), (nn.SyncBatchNorm(8), (6, 8, 3, 3)), (nn.LayerNorm(8), (6, 8)),
        (nn.LayerNorm(8), (6, 3, 8)), (nn.LayerNorm((8, 3, 3)), (6, 8, 3, 3)), (nn.GroupNorm(2, 8), (6, 8, 4)),
        (nn.InstanceNorm1d(8), (6, 8, 4)), (nn.InstanceNorm2d(8, affine=True), (6, 8, 3, 3)),
        (nn.InstanceNorm3d(8), (6, 8, 2, 2, 2)), (nn.RMSNorm(8), (6, 3, 8)),
    ],
)  # fmt: skip
def test_every_layer_of_torch_is_replaced(layer, shape):
    x = torch.randn(shape)
    model = nn.Sequential(nn.Identity(), layer)
    assert swap_norm(model, "group", groups=4) == ["1"]
    last = isinstance(layer, nn.RMSNorm) or (isinstance(layer, nn.LayerNorm) and len(layer.normalized_shape) == 1)
    want = nn.GroupNorm(4, 8)(x.movedim(-1, 1)).movedim(1, -1) if last else nn.GroupNorm(4, 8)(x)
    torch.testing.assert_close(model(x), want)
    affine = getattr(layer, "affine", getattr(layer, "elementwise_affine", None))
    assert bool(list(model.parameters())) == affine


def test_dtype_mode_and_what_trains_stay():
    model = nn.Sequential(nn.BatchNorm1d(8), nn.LayerNorm(8)).double()
    model[0].eval()
    model[1].weight.requires_grad_(False)
    swap_norm(model, "decorrelated")
    assert {t.dtype for t in (*model.parameters(), *model.buffers())} == {torch.float64, torch.int64}
    assert [layer.training for layer in model] == [False, True]
    assert [p.requires_grad for p in model[1].parameters()] == [False, True]
    meta = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)).to("meta")
    swap_norm(meta, "layer")
    assert meta[1].weight.is_meta


def test_a_layer_held_twice_stays_one():
    norm = nn.BatchNorm1d(4)
    model = nn.Sequential(nn.Linear(4, 4), norm, nn.Linear(4, 4), norm)
    assert swap_norm(model, "layer") == ["1"]
    assert model[1] is model[3]


def test_swapped_statistics_can_be_recomputed():
    model = nn.Sequential(nn.GroupNorm(2, 8))
    swap_norm(model, "decorrelated", groups=2, method="eigen")
    x = torch.randn(30, 8, 4, 4) * 3 + 2
    recompute_batch_norm(model, [x])
    torch.testing.assert_close(model.eval()(x), model.train()(x), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["rms", "group", "batch"])
def test_torchs_fused_transformer_layer_does_not_bypass_the_new_norm(name):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    swap_norm(model, name)
    x = torch.randn(6, 5, 8)
    with torch.no_grad():
        want = model.train()(x)
        recompute_batch_norm(model, [x])  # evaluation is then what training computes
        torch.testing.assert_close(model.eval()(x), want)
        mask = torch.zeros(6, 5, dtype=torch.bool)
        mask[:, 4:] = True
        assert model(x, src_key_padding_mask=mask).shape == x.shape


class Preactivated(nn.Module):
    """A block whose first norm has no layer before it."""

    def __init__(self):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm1d(4), nn.Conv1d(4, 4, 1)


@pytest.mark.parametrize(
    ("model", "name", "settings", "words"),
    [
        (nn.Sequential(nn.BatchNorm1d(30)), "group", {"groups": 4}, "'0': groups must divide the 30"),
        (nn.Sequential(nn.BatchNorm1d(4)), "grup", {}, "Did you mean 'group'"),
        (nn.Sequential(nn.BatchNorm1d(4)), "ghost", {"sise": 4}, "no setting 'sise'. Did you mean 'size'"),
        (nn.Sequential(nn.Linear(4, 4)), "group", {}, "no normalization layer"),
        (nn.BatchNorm1d(4), "group", {}, "is itself the layer"),
        (nn.Sequential(nn.LayerNorm((3, 4))), "group", {}, "no dimension that is plainly the channels"),
        (nn.Sequential(nn.LayerNorm(4)), "batch", {"frozen": True}, "only batch norm has statistics"),
        (Preactivated(), "weight", {}, "right before the BatchNorm1d; got nothing"),
        (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.LayerNorm(8)), "weight", {}, "got ReLU"),
        (nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(8)), "weight", {}, "8 outputs before the LayerNorm; got 6"),
        (
            nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 8)), nn.LayerNorm(8)), "weight", {},
            "parametrized weight already",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_changed(model, name, settings, words):
    before = str(model)
    with pytest.raises(BadValue, match=words):
        swap_norm(model, name, **settings)
    assert str(model) == before


def test_all_faults_at_once():
    model = nn.Sequential(nn.BatchNorm1d(9), nn.BatchNorm1d(8), nn.BatchNorm1d(10))
    with pytest.raises(Faults) as caught:
        swap_norm(model, "group", groups=4)
    assert len(caught.value.faults) == 2


def test_subclasses_are_left_alone():
    class WithActivation(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x).relu()

    model = nn.Sequential(WithActivation(4), nn.BatchNorm2d(4))
    assert swap_norm(model, "group") == ["1"]
