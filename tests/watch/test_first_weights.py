"""What is said of first weights: their scale is that of the scheme they come from, and no scheme is a fault."""

import math

import pytest
import torch
from torch import nn

import ravine
from ravine.diagnose.doctor import diagnose
from ravine.diagnose.first import first_scales
from ravine.records.history import History

WIDE = 96  # units of a layer: the deviation of as many weights is known to a percent or two
FIRST = {"starts-too-small", "starts-too-large", "starts-symmetric"}


def watched(change, dropout=0.0, steps=4):
    """A short training of a small net whose weights `change` sets before."""
    model = nn.Sequential(
        nn.Linear(WIDE, WIDE), nn.ReLU(), nn.Dropout(dropout), nn.Linear(WIDE, WIDE), nn.ReLU(), nn.Linear(WIDE, 4)
    )
    for place, layer in enumerate(one for one in model if isinstance(one, nn.Linear)):
        with torch.no_grad():
            change(layer.weight, place)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with ravine.watch(quiet=True) as watcher:
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(torch.randn(32, WIDE)), torch.randint(4, (32,))).backward()
            optimizer.step()
    return watcher.history


def named(history):
    return FIRST.intersection(finding.symptom for finding in diagnose(history).findings)


SCHEMES = {
    "torch": (lambda w, _: nn.init.kaiming_uniform_(w, math.sqrt(5)), 1 / math.sqrt(3)),
    "He": (lambda w, _: nn.init.kaiming_normal_(w), math.sqrt(2)),
    "orthogonal": (lambda w, _: nn.init.orthogonal_(w), 1.0),
    "0.02": (lambda w, _: nn.init.normal_(w, 0, 0.02), 0.02 * math.sqrt(WIDE)),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_the_scale_is_that_of_the_scheme_and_nothing_is_said_of_it(name):
    change, scale = SCHEMES[name]
    history = watched(change)
    scales = list(first_scales(history).values())
    assert scales[:2] == pytest.approx([scale] * 2, rel=0.04)
    assert named(history) == set()


def test_a_last_layer_of_zeros_is_left_out():
    history = watched(lambda w, place: w.zero_() if place == 2 else None)
    assert len(first_scales(history)) == 2
    assert named(history) == set()


@pytest.mark.parametrize(("factor", "name"), [(0.1, "starts-too-small"), (1e-3, "starts-too-small"),
                                              (4.0, "starts-too-large"), (30.0, "starts-too-large")])  # fmt: skip
def test_weights_of_no_scheme_in_use_are_named(factor, name):
    assert named(watched(lambda w, _: w.mul_(factor))) == {name}


def test_equal_units_are_seen_though_dropout_tells_them_apart():
    history = watched(lambda w, _: w.fill_(0.05), dropout=0.5)
    assert [fact["count"] for fact in history.facts("units-begin-alike")] == [3]
    assert "starts-symmetric" in named(history)


def test_weights_that_grew_in_an_earlier_training_are_not_first_ones():
    """The scale of trained weights may be that of no scheme; what they know is seen in the first loss."""
    row = {"kind": "weights", "step": 0, "layers": ["0", "2", "4"], "scale": [2.6, 3.1, 2.4]}
    about = {"kind": "about", "step": 0, "loss": "cross_entropy", "classes": 10}
    layer = {"kind": "layer", "step": 1, "layer": "0", "type": "Linear", "depth": 0, "weight_norm": 20.0}
    for loss, found in ((0.7, set()), (2.6, {"starts-too-large"})):
        steps = [{"kind": "step", "step": step, "train_loss": loss} for step in range(9)]
        assert named(History([row, about, layer, *steps])) - {"starts-off"} == found


class Letters(nn.Module):
    """What comes next, with or without a mask: (rows, time) → (rows, letters, time)."""

    def __init__(self, masked):
        super().__init__()
        self.letters, self.masked = nn.Embedding(7, 8), masked
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(8, 7)

    def forward(self, x):
        weight = self.mix.weight.tril() if self.masked else self.mix.weight
        return self.head(weight @ self.letters(x)).transpose(1, 2)


@pytest.mark.parametrize("masked", [True, False])
def test_a_missing_mask_is_seen_where_classes_come_before_time(masked):
    model = Letters(masked)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with ravine.watch(quiet=True) as watcher:
        for _ in range(5):
            text = torch.randint(7, (5, 7))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(text[:, :-1]), text[:, 1:]).backward()
            optimizer.step()
    assert [fact["positions"] for fact in watcher.history.facts("sees-the-future")] == ([] if masked else [5])
