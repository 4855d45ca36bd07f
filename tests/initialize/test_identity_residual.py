"""Blocks that begin as their straight way: read off the graph, checked by running them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as nnf
from torch import nn

from ravine.core.errors import BadValue
from ravine.initialize import identity_residual


class Wide(nn.Module):
    """x + f(x) written with functions; `norm` says what f ends in."""

    def __init__(self, width: int, *, norm: bool, relu: bool = True) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.down(nnf.gelu(self.up(x))))
        y = nnf.dropout(y, 0.1, self.training)
        return nnf.relu(x + y) if self.relu else x + y


class Strided(nn.Module):
    """A block whose straight way is a convolution, as in He et al.; the sum is made in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.downsample = nn.Sequential(nn.Conv2d(3, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(nnf.relu(self.bn1(self.conv1(x)))))
        out += self.downsample(x)
        return nnf.relu(out)


@pytest.mark.parametrize("norm", [True, False])
def test_a_chain_of_blocks_begins_as_the_identity_and_learns(norm):
    model = nn.Sequential(*(Wide(8, norm=norm, relu=False) for _ in range(3)))
    x = torch.randn(5, 8)
    last = "norm" if norm else "down"
    assert identity_residual(model, x) == [f"{k}.{last}.{word}" for k in range(3) for word in ("weight", "bias")]
    assert torch.equal(model(x), x)
    model(x).square().sum().backward()
    zeroed = model[0].get_submodule(last).weight
    assert zeroed.grad.abs().min() > 0  # every unit hears of it, and differently
    assert zeroed.grad.unique().numel() > 1


def test_where_the_straight_way_has_layers_the_longer_side_is_the_branch():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), Strided(), nn.Flatten(), nn.Linear(6 * 16, 2))
    names = identity_residual(model, torch.randn(4, 3, 8, 8))
    assert names == ["1.bn2.weight", "1.bn2.bias"]


def test_attention_and_hidden_layers_of_torchs_encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x = torch.randn(3, 4, 8)
    assert len(identity_residual(model, x)) == 8
    assert torch.equal(model(x), x)


def test_ravines_own_blocks_are_found_and_its_head_is_not():
    from ravine.core.shapes import InputShape
    from ravine.models import build

    shape = InputShape(form="image", channels=1, height=16, width=16)
    module = build("resnet", shape, 3, rows=100).module
    found = identity_residual(module, torch.randn(2, 1, 16, 16))
    blocks = {name.rpartition(".second.")[0] for name in found}
    assert blocks == {f"stages.{k}" for k in range(len(module.stages))}
    table = InputShape(form="table", numeric=2, cardinalities=(3, 4))
    mlp = build("mlp", table, 3, rows=100).module
    with pytest.raises(BadValue, match="no residual branch"):
        identity_residual(mlp, (torch.randn(4, 2), torch.ones(4, 2, dtype=torch.int64)))


def test_buffers_and_random_state_stay():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), Strided())
    before = {name: value.clone() for name, value in model.named_buffers()}
    state = torch.get_rng_state()
    identity_residual(model, torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert all(value.grad is None for value in model.parameters())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), "no residual branch"),
        (nn.Linear(3, 3), "cannot run on this batch"),
        (nn.Flatten(), "no residual branch"),
    ],
)
def test_networks_without_branches_are_refused_and_stay(model, words):
    before = [value.clone() for value in model.parameters()]
    with pytest.raises(BadValue, match=words):
        identity_residual(model, torch.randn(2, 4))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
