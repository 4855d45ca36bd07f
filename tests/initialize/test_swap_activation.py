"""Another activation in networks of every make."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.initialize import ACTIVATIONS, swap_activation


class Block(nn.Module):
    """One activation at two places, as torchvision's blocks have it."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.act = act
        self.same = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.same(self.b(self.act(self.a(x))))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_swapped_network_computes_what_one_built_so_computes(name):
    model = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.Sequential(nn.Linear(6, 6), nn.ELU()), nn.Linear(6, 2)
    ).double()
    expected = nn.Sequential(
        model[0], ACTIVATIONS[name].make(), nn.Sequential(model[2][0], ACTIVATIONS[name].make()), model[3]
    ).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    assert swap_activation(model, name) == ["1", "2.1"]
    assert torch.equal(model(x), expected(x))


def test_weights_keep_their_values_and_keys():
    model = Block(nn.ReLU())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    swap_activation(model, "silu")
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_a_shared_module_stays_shared_and_in_place_stays_in_place():
    model = nn.Sequential(Block(nn.ReLU(inplace=True)), Block(nn.Tanh()), nn.Linear(4, 1))
    assert swap_activation(model, "leaky_relu", negative_slope=0.3) == ["0.act", "0.same", "1.act", "1.same"]
    assert model[0].act is model[0].same
    assert model[0].act.inplace
    assert model[0].act.negative_slope == 0.3
    assert not model[1].act.inplace
    assert swap_activation(model, "gelu")
    assert type(model[0].same) is nn.GELU


def test_parameters_of_a_new_activation_have_the_networks_dtype_and_learn():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double().eval()
    swap_activation(model, "prelu", num_parameters=6)
    assert model[1].weight.dtype == torch.float64
    assert model[1].weight.shape == (6,)
    assert not model[1].training
    model(torch.randn(3, 4, dtype=torch.float64)).sum().backward()
    assert model[1].weight.grad is not None
    apart = nn.Sequential(nn.Sequential(nn.Tanh()), nn.Linear(4, 2)).double()  # no parameters beside the activation
    swap_activation(apart, "prelu")
    assert apart[0][0].weight.dtype == torch.float64


@pytest.mark.parametrize(("name", "flag"), [("gelu", 2), ("relu", 1), ("silu", 0)])
@pytest.mark.parametrize("first", ["relu", nn.SiLU()])
def test_torchs_transformer_layers_hold_theirs_as_an_attribute(name, flag, first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=first, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    assert swap_activation(model, name) == ["layers.0.activation", "layers.1.activation"]
    assert model.layers[0].activation_relu_or_gelu == flag
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        fused = model(x)  # torch's own way through the layer, where it knows the activation
    assert torch.allclose(fused, model(x), atol=1e-6)
    built = nn.TransformerEncoderLayer(8, 2, 16, activation=ACTIVATIONS[name].make(), batch_first=True)
    expected = nn.TransformerEncoder(built, 2, enable_nested_tensor=False).eval()
    expected.load_state_dict(model.state_dict())
    assert torch.allclose(model(x), expected(x), atol=1e-6)


def test_the_answers_activation_stays_unless_it_is_named():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
    assert swap_activation(model, "relu") == ["1"]
    assert type(model[3]) is nn.Sigmoid
    assert swap_activation(model, "identity", where="3") == ["3"]


def test_only_what_is_named():
    model = nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "gate": nn.Sigmoid()})
    assert swap_activation(model, "mish", where="encoder.*") == ["encoder.1"]
    assert type(model["gate"]) is nn.Sigmoid


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.a(x))


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        (Functional(), {"name": "gelu"}, r"no activation that is a module\. Functional calls inside forward"),
        (nn.ReLU(), {"name": "gelu"}, "nothing but a ReLU"),
        (nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()), {"name": "gelu"}, "the only activation .* gives its answer"),
        (Block(nn.ReLU()), {"name": "gelo"}, r"unknown activation 'gelo'\. Did you mean 'gelu'"),
        (Block(nn.ReLU()), {"name": "gelu", "slope": 1}, "gelu: a setting must be one of approximate; got 'slope'"),
        (Block(nn.ReLU()), {"name": "gelu", "where": "atc"}, r"no activation called 'atc'\. Did you mean 'act'"),
    ],
)
def test_what_cannot_be_swapped_is_refused(model, arguments, words):
    with pytest.raises(BadValue, match=words):
        swap_activation(model, **arguments)
