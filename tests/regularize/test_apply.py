"""Techniques go on, lie on each other and come off: nothing of the network is left changed."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import L1, TECHNIQUES, DropConnect, Dropout, WeightNoise, apply, attached, remove
from ravine.regularize.technique import Acts, LayerTechnique


class Marked(LayerTechnique):
    """Writes down in which order it goes on and off."""

    def __init__(self, name: str, log: list[tuple[str, str, tuple[str, ...]]]) -> None:
        self.name = name  # type: ignore[misc]
        self.log = log

    def suits(self, name: str, layer: nn.Module) -> bool:
        return isinstance(layer, nn.Linear)

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        self.log.append(("on", self.name, tuple(layers)))

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        self.log.append(("off", self.name, tuple(layers)))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))


def test_where_by_type_types_names_question_and_by_itself():
    def named(where: object) -> list[str]:
        model = network()
        return apply(model, DropConnect(0.5), where=where)  # type: ignore[arg-type]

    assert named(None) == ["0", "2", "4"]
    assert named(nn.Linear) == ["0", "2", "4"]
    assert named((nn.Linear, nn.Conv2d)) == ["0", "2", "4"]
    assert named("0, 4") == ["0", "4"]
    assert named("[02]") == ["0", "2"]
    assert named(lambda name, layer: isinstance(layer, nn.Linear) and layer.out_features == 2) == ["4"]


def test_remove_by_name_leaves_the_others():
    model = network()
    apply(model, DropConnect(0.5))
    apply(model, WeightNoise(0.1), where="0")
    assert list(attached(model[0])) == ["dropconnect", "weight-noise"]
    assert remove(model, "dropconnect") == ["0", "2", "4"]
    assert list(attached(model[0])) == ["weight-noise"]
    assert remove(model, "dropconnect") == []
    assert remove(model) == ["0"]
    assert type(model[0]) is nn.Linear


def test_the_latest_comes_off_first_on_every_layer():
    log: list[tuple[str, str, tuple[str, ...]]] = []
    model = network()
    below, above = Marked("below", log), Marked("above", log)
    apply(model, below)
    apply(model, above, where="2")
    log.clear()
    assert remove(model) == ["0", "2", "4"]
    assert log == [("off", "above", ("2",)), ("off", "below", ("0", "2", "4"))]


def test_two_that_lie_on_each_other_both_ways_come_off_in_order_too():
    log: list[tuple[str, str, tuple[str, ...]]] = []
    model = network()
    one, other = Marked("one", log), Marked("other", log)
    apply(model, one, where="0")
    apply(model, other, where="0,2")
    apply(model, one, where="2")
    log.clear()
    remove(model)
    for place, order in {"0": ["other", "one"], "2": ["one", "other"]}.items():
        assert [name for _, name, places in log if place in places] == order
    assert not any(attached(layer) for layer in model.modules())


def test_a_layer_in_two_places_is_changed_once():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert apply(model, DropConnect(0.5)) == ["0"]
    assert remove(model) == ["0"]
    assert type(shared) is nn.Linear


def test_the_network_itself_can_be_the_layer():
    model = nn.Linear(4, 2)
    assert apply(model, DropConnect(0.5)) == [""]
    assert remove(model) == [""]


def test_the_projection_inside_attention_is_never_meant():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert apply(model, DropConnect(0.5), where=nn.Linear) == ["linear1", "linear2"]
    with pytest.raises(BadValue, match=r"no layer of the TransformerEncoderLayer is called 'self_attn.out_proj'"):
        apply(model, WeightNoise(0.1), where="self_attn.out_proj")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (nn.Conv2d, r"dropconnect: no layer of the Sequential is a Conv2d\."),
        ((nn.Conv2d, nn.LSTM), r"dropconnect: no layer of the Sequential is a Conv2d or LSTM\."),
        ("head", r"dropconnect: no layer of the Sequential is called 'head'\."),
        ("0, body", r"dropconnect: no layer of the Sequential is called 'body'\."),
        (lambda name, layer: False, r"dropconnect: no layer of the Sequential is what `where` asks for\."),
        (3, r"apply: where must be a type of layer or a tuple of types, names with wildcards, .*; got 3\."),
        (("0", "2"), r"apply: where must be .*; got \('0', '2'\)\."),
        ("1", r"dropconnect: layer '1', a ReLU, keeps no weight of two or more dimensions\."),
    ],
)
def test_what_cannot_be_is_said(where, words):
    model = network()
    with pytest.raises(BadValue, match=words):
        apply(model, DropConnect(0.5), where=where)
    assert [type(layer) for layer in model] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]


def test_a_name_nearly_right_is_mended():
    model = nn.ModuleDict({"encoder": nn.Linear(3, 3), "head": nn.Linear(3, 2)})
    with pytest.raises(BadValue, match=r"is called 'haed'\. Did you mean 'head'\?"):
        apply(model, DropConnect(0.5), where="haed")


def test_one_layer_that_cannot_leaves_all_as_they_were():
    model = network()
    before = [dict(vars(layer)) for layer in model]
    with pytest.raises(BadValue, match="layer '1', a ReLU"):
        apply(model, DropConnect(0.5), where="*[0-9]")
    assert [dict(vars(layer)) for layer in model] == before
    apply(model, DropConnect(0.5), where="2")
    with pytest.raises(BadValue, match=r"dropconnect: layer '2' has it already\. Take it off first: remove\(model\)\."):
        apply(model, DropConnect(0.2))
    assert type(model[0]) is nn.Linear


def test_a_penalty_is_sent_to_the_optimizer():
    with pytest.raises(BadValue, match=r"apply: l1 is no technique that acts on layers\. .*for_optimizer\(\)"):
        apply(network(), L1(0.1))  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="apply: float is no technique"):
        apply(network(), 0.5)  # type: ignore[arg-type]


def test_with_a_technique_that_acts_on_outputs_in_both_orders():
    x = torch.randn(3, 4)
    for first, second in [(DropConnect(0.5), Dropout(0.5)), (Dropout(0.5), DropConnect(0.5))]:
        model = network()
        plain = model(x)
        apply(model, first, where="0")
        apply(model, second, where="0")
        assert len({tuple(model(x).flatten().tolist()) for _ in range(5)}) > 1
        assert torch.equal(copy.deepcopy(model).eval()(x), plain)
        remove(model, first.name)
        assert not torch.equal(model(x), model(x))
        remove(model)
        assert torch.equal(model(x), plain)
        assert type(model[0]) is nn.Linear
        assert "forward" not in vars(model[0])


def test_the_classes_of_the_catalogue_are_of_the_kind_they_say():
    for record in TECHNIQUES.values():
        if record.acts is Acts.LAYERS and isinstance(record.make, type):
            assert issubclass(record.make, LayerTechnique)
