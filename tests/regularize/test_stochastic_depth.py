"""Stochastic depth: which branches are found, the rates, the expectation, what is skipped."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.core.shapes import InputShape
from ravine.models import FAMILIES
from ravine.models.family import Order, Size
from ravine.regularize import StochasticDepth, apply, drop_branch, remove
from ravine.regularize.branches import branches
from ravine.regularize.outputs import arounds
from ravine.regularize.stochastic_depth import drop_rate

IMAGE = InputShape(form="image", channels=3, height=16, width=16)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ours(name: str) -> nn.Module:
    torch.manual_seed(0)
    size = Size(width=32, depth=2, dropout=0.0)
    return FAMILIES[name].make(Order(shape=IMAGE, outputs=5, size=size, activation="relu"))


class BasicBlock(nn.Module):
    """Written as ResNet-18's blocks often are: one ReLU for both places, the sum in place."""

    def __init__(self, inward: int, outward: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inward, outward, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outward)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outward, outward, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outward)
        self.downsample = None
        if stride > 1 or inward != outward:
            self.downsample = nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class Bottleneck(nn.Module):
    """Written as ResNet-50's blocks often are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, 4, 1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv3, self.bn3 = nn.Conv2d(4, width, 1), nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(x + self.bn3(self.conv3(out)))


class LayerScale(nn.Module):
    """x + γ·f(x), the branch's scale a parameter of the block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(width), nn.Linear(width, width)
        self.gamma = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.gamma * self.mix(self.norm(x))


class Curious(nn.Module):
    """What it does depends on values: its code cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x) if x.sum() > 0 else x - self.inner(x)


def test_branches_of_blocks_by_others():
    assert [branch.end for branch in branches(BasicBlock(4, 4))] == ["bn2"]
    assert [branch.end for branch in branches(BasicBlock(4, 8, stride=2))] == ["bn2"]
    assert [branch.end for branch in branches(Bottleneck(8))] == ["bn3"]
    assert [branch.end for branch in branches(LayerScale(8))] == ["mix"]
    for batch_first, rows in ((True, 0), (False, 1)):
        for norm_first in (True, False):
            layer = nn.TransformerEncoderLayer(8, 2, batch_first=batch_first, norm_first=norm_first)
            assert [(b.end, b.rows) for b in branches(layer)] == [("dropout1", rows), ("dropout2", rows)]
    assert len(branches(nn.TransformerDecoderLayer(8, 2))) == 3


def test_branches_of_our_models():
    resnet = ours("resnet")
    assert [branch.end for branch in branches(resnet.stages[2])] == ["second"]
    assert [branch.end for branch in branches(ours("transformer").blocks[0])] == ["mix", "narrow"]
    assert apply(resnet, StochasticDepth(0.5)) == [f"stages.{k}" for k in range(6)]
    # Its head and its linear part are two ways side by side, and no residual branch.
    with pytest.raises(BadValue, match=r"no residual branch x \+ f\(x\) is found in the MLP.*name the modules"):
        apply(ours("mlp"), StochasticDepth(0.5))


def test_reading_a_block_leaves_it_alone():
    block = BasicBlock(4, 4)
    before = list(block.__dict__), copy.deepcopy(block.state_dict())
    branches(block.eval())
    assert list(block.__dict__) == before[0]
    assert not block.training
    assert all(torch.equal(value, before[1][name]) for name, value in block.state_dict().items())


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_the_linear_rule_is_the_papers(p):
    survivals = [1 - drop_rate(p, branch, 54) for branch in range(1, 55)]
    assert survivals == pytest.approx([1 - branch / 54 * (1 - (1 - p)) for branch in range(1, 55)])
    assert {drop_rate(p, branch, 54, "uniform") for branch in range(1, 55)} == {p}


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_expectation_and_rate(mode):
    x = torch.ones(20_000, 2, dtype=torch.float64)
    if mode == "row":
        factors = drop_branch(x, 0.4, generator())
        assert torch.equal(factors[:, 0], factors[:, 1])
        factors = factors[:, 0]
    else:
        source = generator()
        factors = torch.stack([drop_branch(x[:3], 0.4, source, mode="batch") for _ in range(4000)])
        assert (factors == factors[:, :1, :1]).all()
        factors = factors[:, 0, 0]
    assert factors.unique().tolist() == pytest.approx([0, 1 / 0.6], rel=1e-4)
    assert abs(factors.mean() - 1) < 5 * factors.std() / len(factors) ** 0.5


class Deep(nn.Module):
    """Linear residual blocks: the expectation of the whole network is the network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(4, 4, bias=False, dtype=torch.float64) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.layers[0](x)
        x = x + self.layers[1](x)
        return x + self.layers[2](x)


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_the_expectation_of_a_deep_network_is_the_network(mode):
    model = Deep()
    x = torch.randn(1, 4, dtype=torch.float64, generator=generator())
    apply(model, StochasticDepth(0.5, mode=mode, generator=generator(1)))
    if mode == "row":
        outs = model(x.expand(30_000, 4))
    else:
        with torch.no_grad():
            outs = torch.cat([model(x) for _ in range(4000)])
    expected = model.eval()(x)[0]
    assert ((outs.mean(0) - expected).abs() < 5 * outs.std(0) / len(outs) ** 0.5).all()
    assert len(outs.round(decimals=9).unique(dim=0)) == 8  # 2³ depths


def test_a_sequence_first_layer_drops_rows_and_not_steps():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=True)
    apply(layer, StochasticDepth(0.9, rule="uniform"))
    x = torch.randn(3, 200, 8)
    same = (layer(x) == x).all(2)
    assert torch.equal(same, same[:1].expand_as(same))
    assert 0.7 < float(same[0].float().mean()) < 0.92  # 0.9²


@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_for_the_batch_the_code_of_a_dropped_branch_does_not_run(name):
    model = ours(name)
    places = apply(model, StochasticDepth(0.6, mode="batch", rule="uniform"))
    calls = []
    for place in places:
        block = model.get_submodule(place)
        for branch in branches(block):
            block.get_submodule(branch.end).register_forward_hook(lambda *_: calls.append(1))
    count = len(calls) + sum(len(branches(model.get_submodule(place))) for place in places)
    x = torch.randn(2, 3, 16, 16)
    torch.manual_seed(1)
    with torch.no_grad():
        for _ in range(30):
            model(x)
    assert abs(len(calls) / (30 * count) - 0.4) < 5 * (0.24 / (30 * count)) ** 0.5
    calls.clear()
    model.eval()(x)
    assert len(calls) == count


@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_what_is_skipped_is_what_would_be_masked(name):
    # The same coins, once with the branch's code left out and once with its output times zero.
    skipping, x = ours(name).double(), torch.randn(2, 3, 16, 16, dtype=torch.float64)
    state = copy.deepcopy(skipping.state_dict())
    places = apply(skipping, StochasticDepth(0.5, mode="batch", rule="uniform"))
    for seed in range(4):
        coins = iter(torch.rand(100, generator=generator(seed)).tolist())
        masked = ours(name).double()
        masked.load_state_dict(state)
        for place in places:
            block = masked.get_submodule(place)
            for branch in branches(block):
                factor = 0.0 if next(coins) < 0.5 else 2.0
                block.get_submodule(branch.end).register_forward_hook(lambda _m, _i, out, f=factor: out * f)
        skipping.load_state_dict(state)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            out = skipping(x)
        torch.testing.assert_close(out, masked(x))


def test_the_modes_of_one_block_can_be_given_by_name():
    model = nn.Sequential(LayerScale(8), LayerScale(8))
    assert apply(model, StochasticDepth(0.5), where="0") == ["0"]
    assert [around.name for around in arounds(model[0].mix)] == ["stochastic-depth"]
    remove(model)
    assert apply(model, StochasticDepth(0.5), where="*.mix") == ["0.mix", "1.mix"]
    assert [around.act.p for block in model for around in arounds(block.mix)] == [0.25, 0.5]


def test_a_block_with_parameters_of_its_own_is_masked_for_the_batch():
    torch.manual_seed(0)
    model = LayerScale(8)
    apply(model, StochasticDepth(0.5, mode="batch"))
    x = torch.randn(4, 8)
    same = [bool((model(x) == x).all()) for _ in range(200)]
    assert 60 < sum(same) < 140


def test_code_that_cannot_be_read_is_refused():
    with pytest.raises(BadValue, match="no residual branch"):
        apply(nn.Sequential(Curious()), StochasticDepth(0.5))
    with pytest.raises(BadValue, match=r"layer '0', a Curious, cannot be read\. Name the module"):
        apply(nn.Sequential(Curious()), StochasticDepth(0.5), where=Curious)
    assert apply(nn.Sequential(Curious()), StochasticDepth(0.5), where="0.inner") == ["0.inner"]


def test_blocks_and_what_lies_in_them_are_refused_together():
    model = nn.Sequential(LayerScale(8))
    with pytest.raises(BadValue, match=r"layer '0\.norm' lies in '0', and both are named"):
        apply(model, StochasticDepth(0.5), where="0*")
    assert not model[0].__dict__.get("forward")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"p": 1.0}, r"stochastic-depth: p must be in \[0, 1\); got 1.0"),
        ({"mode": "column"}, "stochastic-depth: mode must be one of row, batch; got 'column'"),
        ({"rule": "square"}, "stochastic-depth: rule must be one of linear, uniform; got 'square'"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(BadValue, match=words):
        StochasticDepth(**settings)
