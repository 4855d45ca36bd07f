"""What holds for every technique that acts on what layers take and give: on, at work, copied, compiled, off."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import (
    AlphaDropout,
    DropBlock,
    DropConnect,
    Dropout,
    FractionalMaxPool2d,
    InputNoise,
    SpatialDropout,
    StochasticDepth,
    VariationalDropout,
    apply,
    remove,
)
from ravine.regularize.outputs import arounds, hidden_activations


class Block(nn.Module):
    """x + f(x) on pictures."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.activation = nn.SELU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(x + self.branch(x))


class Lines(nn.Module):
    """Pictures read line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 6, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, _ = self.gru(x.mean(1))
        return steps.flatten(1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), Block(4), nn.MaxPool2d(2), nn.Upsample(scale_factor=2),
        Block(4), Lines(), nn.Linear(48, 10), nn.ReLU(), nn.Linear(10, 5),
    )  # fmt: skip


def pictures(batch: int = 4) -> torch.Tensor:
    return torch.randn(batch, 3, 8, 8, generator=torch.Generator().manual_seed(1))


TECHNIQUES = [
    Dropout(0.5),
    Dropout(0.5, reading="test-time"),
    SpatialDropout(0.5),
    AlphaDropout(0.5),
    VariationalDropout(0.5),
    DropBlock(0.3, size=3),
    StochasticDepth(0.8),
    StochasticDepth(0.8, mode="batch"),
    InputNoise(0.5),
    FractionalMaxPool2d(),
]
QUIET = [t for t in TECHNIQUES if not isinstance(t, FractionalMaxPool2d) and "test-time" not in repr(t)]


def named(technique: object) -> str:
    return f"{technique.name}-{getattr(technique, 'reading', getattr(technique, 'mode', ''))}".strip("-")


@pytest.fixture(params=TECHNIQUES, ids=named)
def technique(request):
    return copy.deepcopy(request.param)


@pytest.fixture(params=QUIET, ids=named)
def quiet(request):
    return copy.deepcopy(request.param)


def differs(model: nn.Module, tries: int = 8) -> bool:
    """Whether passes of one batch in training differ; the running statistics of norms do not show in training."""
    model.train()
    outs = [model(pictures()) for _ in range(tries)]
    return any(not torch.equal(outs[0], out) for out in outs[1:])


def spaces(model: nn.Module) -> dict[str, tuple[type, set[str], int]]:
    return {
        name: (type(layer), set(layer.__dict__), len(layer._forward_pre_hooks) + len(layer._forward_hooks))
        for name, layer in model.named_modules()
    }


def test_on_it_is_at_work_and_off_nothing_is_left(technique):
    model = network().eval()
    before, keys, out = spaces(model), list(model.state_dict()), model(pictures())
    places = apply(model, technique)
    assert places
    assert "9" not in places
    assert list(model.state_dict()) == keys
    assert {name: kind for name, (kind, *_) in spaces(model).items()} == {n: kind for n, (kind, *_) in before.items()}
    assert differs(model)
    model.load_state_dict(network().state_dict())
    assert remove(model) == places
    assert spaces(model) == before
    assert not differs(model)
    model.load_state_dict(network().state_dict())
    assert torch.equal(model.eval()(pictures()), out)


def test_evaluation_is_the_plain_network(quiet):
    model = network().eval()
    out = model(pictures())
    apply(model, quiet)
    assert torch.equal(model(pictures()), out)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of torch, on recurrent layers
def test_evaluation_exports_as_the_plain_network(quiet):
    def calls(model: nn.Module) -> list[str]:
        return [str(node.target) for node in torch.export.export(model.eval(), (pictures(),)).graph.nodes]

    model = network()
    plain = calls(model)
    apply(model, quiet)
    assert calls(model) == plain


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of torch, on recurrent layers
def test_what_works_in_evaluation_exports_too():
    for technique in (Dropout(0.5, reading="test-time"), FractionalMaxPool2d(test="average", draws=2)):
        model = network().eval()
        apply(model, technique)
        exported = torch.export.export(model, (pictures(),)).module()
        torch.testing.assert_close(exported(pictures()), model(pictures()))


@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"]
)
def test_a_copy_is_a_network_of_its_own(technique, way):
    model = network()
    apply(model, technique)
    other = way(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    assert differs(other.train())
    assert other(pictures()).isfinite().all()
    assert remove(other)
    assert not any(True for layer in other.modules() for _ in arounds(layer))
    assert any(True for layer in model.modules() for _ in arounds(layer))


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("member", [Dropout(0.5), StochasticDepth(0.8), StochasticDepth(0.8, mode="batch")], ids=named)
def test_compiled_after_its_plain_twin_it_is_still_at_work(member):
    # Forward hooks fail here: the twin's code has no guard on them.
    torch._dynamo.reset()
    twin = torch.compile(network()[:3], backend="aot_eager")
    assert not differs(twin)
    model = network()[:3]
    compiled = torch.compile(model, backend="aot_eager")
    assert not differs(compiled)
    apply(model, copy.deepcopy(member), where=None if member.name == "stochastic-depth" else nn.ReLU)
    assert differs(compiled)
    assert torch.equal(compiled.eval()(pictures()), model.eval()(pictures()))
    remove(model)
    assert not differs(compiled)


def test_dropout_compiles_into_one_graph():
    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    apply(model, Dropout(0.5))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    x = torch.randn(64, 6)
    assert not torch.equal(compiled(x), compiled(x))
    compiled(x).sum().backward()


def test_gradients_pass(technique):
    model = network()
    apply(model, technique)
    model(pictures()).sum().backward()
    assert all(parameter.grad is not None for parameter in model[9].parameters())
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.filterwarnings("ignore")  # the backend's own
def test_several_processes_train_it(tmp_path):
    model = network()
    apply(model, Dropout(0.5))
    apply(model, StochasticDepth(0.5))
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        shared = nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
        shared(pictures()).sum().backward()
        assert differs(shared)
        assert len(remove(shared)) == 3
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("first", ["dropout", "dropconnect", None])
@pytest.mark.parametrize("swapped", [False, True])
def test_it_shares_a_layer_with_others_and_all_come_off_in_any_order(first, swapped):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    x = torch.randn(4, 6)
    out, before = model(x), spaces(model)
    on = [Dropout(0.5), DropConnect(0.5), InputNoise(0.5)]
    for technique in reversed(on) if swapped else on:
        apply(model, technique, where="0")
    assert torch.equal(model(x), out)
    assert (model[0].train()(x) == 0).float().mean() > 0.1
    model.eval()
    remove(model, first)
    assert torch.equal(model(x), out)
    remove(model)
    assert spaces(model) == before


def test_of_several_on_a_layer_each_comes_off_alone():
    layer = nn.Linear(3, 3)
    for technique in (Dropout(0.0), InputNoise(0.0), SpatialDropout(0.0)):
        apply(layer, technique, where=nn.Linear)
    assert [around.name for around in arounds(layer)] == ["spatial-dropout", "input-noise", "dropout"]
    remove(layer, "input-noise")
    assert [around.name for around in arounds(layer)] == ["spatial-dropout", "dropout"]
    remove(layer, "spatial-dropout")
    assert [around.name for around in arounds(layer)] == ["dropout"]


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of torch, on recurrent layers
def test_the_names_of_arguments_stay():
    model = Lines()
    apply(model, InputNoise(0.1))
    assert list(inspect.signature(model.forward).parameters) == ["x"]
    exported = torch.export.export(model.eval(), (pictures(),), dynamic_shapes={"x": {0: torch.export.Dim("rows")}})
    assert exported.module()(pictures(7)).shape == (7, 48)


@pytest.mark.parametrize("norm_first", [False, True])
def test_fused_evaluation_of_transformer_layers_stays(monkeypatch, norm_first):
    calls = []
    fused = torch._transformer_encoder_layer_fwd
    monkeypatch.setattr(torch, "_transformer_encoder_layer_fwd", lambda *a, **k: calls.append(1) or fused(*a, **k))
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first).eval()
    x = torch.randn(2, 5, 8)
    apply(layer, Dropout(0.3))
    apply(layer, StochasticDepth(0.3))
    with torch.no_grad():
        layer(x)
        assert calls == [1]
        remove(layer)
        # What works in evaluation must not be passed by.
        apply(layer, Dropout(0.5, reading="test-time"), where="linear1")
        layer(x)
        assert calls == [1]
        remove(layer)
        layer(x)
    assert calls == [1, 1]


def test_hidden_activations_leave_out_the_answer():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1),
        nn.Sigmoid(),
    )  # fmt: skip
    assert list(hidden_activations(model, (nn.Linear,))) == ["5"]
    assert list(hidden_activations(model, (nn.Conv2d,))) == ["2"]


def test_a_layer_without_tensor_output_is_refused():
    class Named(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"out": x}

    model = Named()
    apply(model, Dropout(0.5), where=Named)
    with pytest.raises(BadValue, match=r"dropout: the output of a layer it is put on must be a tensor .* got 'dict'"):
        model(torch.ones(2))
