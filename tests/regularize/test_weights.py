"""The mechanism below all techniques on weights: what must survive, on every kind of layer."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ravine.core.errors import BadValue
from ravine.regularize import DropConnect, WeightNoise, WeightStandardization, apply, remove
from ravine.regularize.technique import LayerTechnique
from ravine.regularize.weights import Role, WeightFilter


class Doubled(WeightFilter):
    """Twice the weight, in training: no chance in it, so that results can be compared."""

    name = "doubled"
    inward = True

    def role(self, training: bool) -> Role:
        return "weight" if training else "none"

    def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:
        return weight * 2


class Increased(Doubled):
    name = "increased"

    def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:
        return weight + 1


class Own(nn.Module):
    """A layer that torch does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight.mT).tanh()


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(4, 3), (2, 4)),
    "conv1d": (lambda: nn.Conv1d(4, 3, 2), (2, 4, 5)),
    "conv2d padded": (lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", groups=2), (2, 4, 5, 5)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2), (2, 2, 3, 3, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 3, 2, stride=2), (2, 4, 3, 3)),
    "own": (Own, (2, 4)),
    "rnn": (lambda: nn.RNN(4, 3, 2, bidirectional=True), (5, 2, 4)),
    "gru": (lambda: nn.GRU(4, 3), (5, 2, 4)),
    "lstm": (lambda: nn.LSTM(4, 3, 2), (5, 2, 4)),
    "cell": (lambda: nn.GRUCell(4, 3), (2, 4)),
    "attention": (lambda: Attention(), (2, 5, 4)),
}


class Attention(nn.MultiheadAttention):
    def __init__(self) -> None:
        super().__init__(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, x, x)[0]


def first(out: Tensor | tuple[Tensor, ...]) -> Tensor:
    return out[0] if isinstance(out, tuple) else out


def with_weights_changed(layer: nn.Module, change: Callable[[Tensor], Tensor]) -> nn.Module:
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        for name, p in twin.named_parameters():
            if "weight" in name:
                p.copy_(change(p))
    return twin


@pytest.mark.parametrize("kind", LAYERS)
def test_it_computes_with_the_filtered_weights_and_gradients_follow(kind):
    make, shape = LAYERS[kind]
    torch.manual_seed(0)
    layer, x = make(), torch.randn(shape)
    twin = with_weights_changed(layer, lambda w: w * 2)
    plain = first(copy.deepcopy(layer).eval()(x))
    apply(layer, Doubled(), where=lambda name, _: name == "")
    torch.testing.assert_close(first(layer(x)), first(twin(x)))
    first(layer(x)).square().sum().backward()
    first(twin(x)).square().sum().backward()
    for (name, p), q in zip(layer.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad * 2 if "weight" in name else q.grad, msg=name)
    layer.eval()
    assert torch.equal(first(layer(x)), plain)
    remove(layer)
    assert torch.equal(first(layer(x)), plain)


@pytest.mark.parametrize("kind", LAYERS)
def test_on_and_off_leaves_class_dict_and_keys(kind):
    make, shape = LAYERS[kind]
    layer = make()
    model = nn.Sequential(layer)
    before, keys, kind_before = dict(vars(layer)), list(model.state_dict()), type(layer)
    text = repr(model)
    places = [dict(vars(module)) for module in model.modules()]
    apply(model, Doubled(), where="0")
    assert list(model.state_dict()) == keys
    assert isinstance(layer, kind_before)
    assert "Doubled" in repr(model)
    first(layer(torch.randn(shape)))
    remove(model)
    assert type(layer) is kind_before
    assert vars(layer).keys() == before.keys()
    assert all(vars(layer)[name] is before[name] for name in before)
    assert [dict(vars(module)) for module in model.modules()] == places
    assert repr(model) == text


def test_filters_compose_in_the_order_they_came_and_leave_in_any():
    torch.manual_seed(0)
    layer, x = nn.Linear(4, 3), torch.randn(2, 4)
    apply(layer, Doubled())
    apply(layer, Increased())
    torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight * 2 + 1, layer.bias))
    remove(layer, "doubled")
    torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight + 1, layer.bias))
    remove(layer)
    assert type(layer) is nn.Linear


def test_outside_of_the_forward_the_weight_is_the_parameter():
    layer = nn.Linear(4, 3)
    parameter = layer.weight
    apply(layer, Doubled())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        layer(torch.randn(2, 5))
    assert layer.weight is parameter
    layer.weight = nn.Parameter(torch.ones(3, 4))
    torch.testing.assert_close(layer(torch.ones(1, 4)), 8 + layer.bias[None])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 4))


TECHNIQUES: dict[str, Callable[[], LayerTechnique]] = {
    "dropconnect": lambda: DropConnect(0.5),
    "weight-noise": lambda: WeightNoise(0.1, relative=True),
    "weight-standardization": lambda: WeightStandardization(),
}


def drawn(model: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(3)
    return first(model(x))


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_copies_pickles_and_saved_models_carry_it_on(technique):
    x = torch.randn(2, 1, 5, 5)
    model = network()
    plain = copy.deepcopy(model)
    apply(model, TECHNIQUES[technique](), where=(nn.Conv2d, nn.Linear))
    stored = io.BytesIO()
    torch.save(model, stored)
    stored.seek(0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(stored, weights_only=False)):
        assert torch.equal(drawn(other, x), drawn(model, x))
        assert type(other[0]) is type(model[0])
        assert remove(other) == ["0", "3"]
        assert torch.equal(other(x), plain(x))
        assert type(other[0]) is nn.Conv2d
    assert not torch.equal(drawn(model, x), plain(x))


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_states_go_in_and_out(technique):
    plain, model = network(), network()
    with torch.no_grad():
        for p in plain.parameters():
            p.add_(1)
    apply(model, TECHNIQUES[technique](), where=(nn.Conv2d, nn.Linear))
    model.load_state_dict(plain.state_dict())
    assert all(torch.equal(p, q) for p, q in zip(model.state_dict().values(), plain.parameters(), strict=True))
    plain.load_state_dict(model.state_dict())


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_compiled_whole_and_exported(technique):
    x = torch.randn(2, 1, 5, 5)
    model = network()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), model(x))
    apply(model, TECHNIQUES[technique](), where=(nn.Conv2d, nn.Linear))
    out = compiled(x)
    if technique == "weight-standardization":
        torch.testing.assert_close(out, model(x))
    else:
        assert not torch.equal(out, compiled(x))
    out.sum().backward()
    model.eval()
    torch.testing.assert_close(compiled(x), model(x))
    exported = torch.export.export(model, (x,))
    torch.testing.assert_close(exported.module()(x), model(x))
    assert set(exported.state_dict) == set(model.state_dict())
    remove(model)
    torch.testing.assert_close(compiled(x), model(x))


def test_exporters_see_the_names_of_the_arguments():
    layer = nn.Linear(4, 3)
    apply(layer, Doubled())
    rows = torch.export.Dim("rows", max=64)
    exported = torch.export.export(layer.eval(), (torch.randn(5, 4),), dynamic_shapes={"input": {0: rows}})
    x = torch.randn(7, 4)
    torch.testing.assert_close(exported.module()(x), layer(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, inside its compiler
def test_inductor_draws_anew_each_time():
    model = nn.Sequential(nn.Linear(16, 8))
    apply(model, DropConnect(0.5))
    compiled = torch.compile(model)
    x = torch.eye(16)
    kept = torch.stack([(compiled(x) != model[0].bias).double().mean() for _ in range(50)]).mean()
    assert 0.42 < kept < 0.58  # 6400 draws: thirteen standard deviations


def test_evaluation_reads_filtered_weights_in_torchs_fused_transformer():
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = torch.randn(2, 3, 8)
    twin = copy.deepcopy(model)
    apply(model, WeightStandardization(), where=nn.Linear)
    with torch.no_grad():
        expected = model(x)
        torch.testing.assert_close(model.eval()(x), expected, atol=1e-5, rtol=1e-5)
        assert (model(x) - twin.eval()(x)).abs().max() > 1e-2
    other = copy.deepcopy(model)
    for each in (model, other):
        remove(each)
        assert torch.equal(each.eval()(x), twin(x))
        assert not each.linear1._forward_pre_hooks


def test_what_computes_the_weight_already_is_refused():
    model = nn.Sequential(parametrize_linear())
    with pytest.raises(BadValue, match=r"doubled: the weight of layer '0' is computed by a parametrization already"):
        apply(model, Doubled(), where="0")
    later = nn.Sequential(nn.Linear(4, 3))
    apply(later, Doubled(), where="0")
    nn.utils.parametrizations.weight_norm(later[0])
    with pytest.raises(BadValue, match=r"a parametrization was registered on weight after it"):
        later(torch.randn(2, 4))
    with pytest.raises(BadValue, match=r"layer '0' was given the class Parametrized\w+ later on"):
        remove(later)
    parametrize.remove_parametrizations(later[0], "weight")
    remove(later)
    assert type(later[0]) is nn.Linear


def parametrize_linear() -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: nn.LazyLinear(3), r"doubled: layer '' has no weights yet\. Let it see one batch first\."),
        (lambda: nn.LayerNorm(3), r"doubled: layer '', a LayerNorm, keeps no weight of two or more dimensions\."),
        (
            lambda: nn.Embedding(4, 3, sparse=True),
            r"embedding '' must have sparse=False and no max_norm; got 'sparse=Tr",
        ),
        (lambda: nn.Embedding(4, 3, max_norm=1.0), r"embedding '' must have .* no max_norm; got 'max_norm=1'"),
    ],
)
def test_layers_that_cannot_are_refused(layer, words):
    model = layer()
    with pytest.raises(BadValue, match=words):
        apply(model, Doubled(), where=type(model))


def test_a_forward_put_on_the_instance_is_not_passed_by():
    layer = nn.Linear(4, 3)
    layer.forward = layer.forward  # as wrappers do
    with pytest.raises(BadValue, match="layer '' has a forward of its own, beside its class Linear"):
        apply(layer, Doubled())


def test_evaluation_costs_nothing_to_speak_of():
    calls: list[str] = []

    class Watched(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            calls.append("plain")
            return super().forward(x)

    class Noted(Doubled):
        def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:
            calls.append("filtered")
            return weight

    layer = Watched(4, 3)
    apply(layer, Noted())
    layer.eval()(torch.randn(2, 4))
    assert calls == ["plain"]
    layer.train()(torch.randn(2, 4))
    assert calls == ["plain", "filtered", "plain"]
