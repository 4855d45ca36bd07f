"""From a table of names to techniques: what is read, what is refused, what is put on and taken off."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue, Faults
from ravine.optim import AdamW, param_groups
from ravine.regularize import DropConnect, apply, remove
from ravine.regularize.catalogue import TECHNIQUES
from ravine.regularize.chosen import both, choose, faults_of, known_name
from ravine.regularize.technique import Acts


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_has_its_line_in_a_table(name):
    record = TECHNIQUES[name]
    default = inspect.signature(record.make).parameters[record.main].default if record.main else True
    value = 0.1 if default is inspect.Parameter.empty else True if default is None else default
    faults = faults_of({name: value})
    if faults:  # what cannot be left off a trained network says so, and nothing else is refused
        (fault,) = faults
        assert "works in evaluation too" in fault
        return
    for spelling in (name, name.replace("-", "_"), name.upper()):
        assert known_name(spelling) == name
        assert choose({spelling: value}).words == [name if value is True else f"{name}, {record.main} = {value}"]


def test_settings_switches_and_places():
    chosen = choose(
        {"dropconnect": {"p": 0.3, "where": "0, 2"}, "mixup": True, "l1": False, "max_norm": None, "cutmix": 0.5}, 4
    )
    assert chosen.words == ["dropconnect, p = 0.3, where = 0, 2", "mixup", "cutmix, alpha = 0.5"]
    assert [technique.classes for technique in chosen.batch] == [4, 4]
    model = net()
    chosen.put_on(model)
    assert [name for name, part in model.named_modules() if "DropConnect" in repr(part) and name] == ["0", "2"]
    chosen.take_off(model)
    assert repr(model) == repr(net())


def test_on_and_off_leaves_the_network_as_it_was():
    model, plain = net(), net()
    x = torch.randn(5, 6)
    chosen = choose({"dropconnect": 0.5, "weight_noise": 0.1, "gradient_noise": 0.1, "dropout": 0.5})
    chosen.put_on(model)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert torch.equal(model.eval()(x), plain.eval()(x))
    assert not torch.equal(model.train()(x), plain(x))
    chosen.take_off(model)
    assert torch.equal(model(x), plain(x))
    assert [type(part) for part in model] == [type(part) for part in plain]


def test_a_technique_without_a_place_leaves_none_behind():
    model = net()
    with pytest.raises(BadValue, match=r"stochastic-depth: no residual branch"):
        choose({"dropconnect": 0.5, "stochastic_depth": 0.1}).put_on(model)
    assert [type(part) for part in model] == [type(part) for part in net()]


def test_what_was_there_before_stays():
    model = net()
    apply(model, DropConnect(0.1))
    chosen = choose({"weight_noise": 0.1, "dropconnect": 0.5})
    with pytest.raises(BadValue, match="dropconnect: layer '0' has it already"):
        chosen.put_on(model)
    chosen.take_off(model)
    assert remove(model) == ["0", "2", "4"]


def test_batches_pass_through_in_the_order_of_the_table():
    x, y = torch.rand(16, 4), torch.randint(0, 3, (16,))
    chosen = choose({"label_smoothing": 0.3, "mixup": 0.5}, 3)
    torch.manual_seed(1)
    empty = torch.zeros(16, 0, dtype=torch.int64)
    (mixed, codes), soft = chosen.transform((x, empty), y)
    assert codes is empty
    assert mixed.shape == x.shape
    torch.testing.assert_close(soft.sum(1), torch.ones(16))
    assert soft.min().item() == pytest.approx(0.1)
    assert not torch.equal(mixed, x)
    torch.manual_seed(1)
    (again, _), _ = both(lambda inputs, target: ((inputs[0] * 2, inputs[1]), target), chosen)((x, empty), y)
    torch.testing.assert_close(again, 2 * mixed)
    assert both(None, choose({})) is None
    assert both(len, choose({"l1": 0.1})) is len


def test_optimizers_are_asked_for_the_weights_alone():
    model = net()
    chosen = choose({"l1": {"strength": 0.1, "where": "4.weight"}, "max_norm": 2.0, "l2": 0.05})
    optimizer = AdamW(chosen.grouped(model, param_groups(model, weight_decay=0.0)), lr=0.01)
    asked = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    assert len(asked) == len(list(model.parameters()))
    for name, p in model.named_parameters():
        group, weight = asked[id(p)], name.endswith("weight")
        assert group["l1"] == (0.1 if name == "4.weight" else 0.0)
        assert group["max_norm"] == (2.0 if weight else None)
        assert group["weight_decay"] == (0.1 if weight else 0.0)


def test_what_fades_goes_on_after_the_passes_behind_it():
    (entry,) = choose({"gradient_noise": {"eta": 1.0, "start": 3}}).entries
    assert entry.record.acts is Acts.LAYERS
    assert entry.made().start == 3
    assert entry.made(passes=10).start == 13


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"dropconect": 0.2}, "unknown regularization technique 'dropconect'. Did you mean 'dropconnect'?"),
        ({"dropconnect": 1.5}, "dropconnect: p must be in [0, 1]; got 1.5."),
        ({"dropconnect": "much"}, "dropconnect: p must be a number; got 'much'."),
        ({"dropconnect": [0.1]}, "dropconnect: p must be a number; got [0.1]."),
        ({"dropconnect": {"q": 1}}, "dropconnect: no such setting 'q'. Known: p, inference, per_row."),
        ({"dropconnect": {"generator": 1}}, "dropconnect: no such setting 'generator'."),
        ({"dropconnect": {"where": 3}}, "dropconnect: where must be names of layers, between commas; got 3."),
        ({"dropconnect": {"per_row": 1}}, "dropconnect: per_row must be true or false; got 1."),
        ({"dropconnect": {"inference": "gaussian"}}, "inference = gaussian: works in evaluation too"),
        ({"weight_standardization": True}, "weight-standardization: works in evaluation too"),
        (
            {"weight_standardization": 0.1},
            "weight-standardization: takes no number; say weight-standardization = true.",
        ),
        ({"l1": True}, "l1: needs strength: l1 = 0.001, or another number."),
        ({"max_norm": 3, "max-norm": 2}, "max-norm is given twice."),
        ({"augment": "huge"}, "huge"),
        ({"l1": 0.1, "elastic_net": 0.1}, "l1 and elastic-net both say what l1 is; give one of the two."),
        ({"elastic_net": 0.1, "l2": 0.1}, "elastic-net and l2 both say what weight_decay is; give one of the two."),
    ],
)
def test_what_cannot_be_used_is_said(table, text):
    with pytest.raises(BadValue) as caught:
        choose(table)
    assert text in str(caught.value)


def test_all_faults_at_once():
    with pytest.raises(Faults) as caught:
        choose({"dropconnect": 2, "mixup": 0.2, "l1": -1, "nothing": 1}, owner="Trainer")
    assert len(caught.value.faults) == 3
    assert str(caught.value).startswith("Trainer: 3 faults")
