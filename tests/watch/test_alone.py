"""A model called once more, on the side, leaves no trace."""

import copy
import random

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ravine.watch.checks.alone import alone, differ
from ravine.watch.instruments.fingerprints import Fingerprints, Overlap, repeats, sorted_by_label, sorted_by_value


class Stateful(nn.Module):
    """Draws, keeps a hidden state, counts calls of its hooks and learns statistics."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.hidden = torch.zeros(6)

    def forward(self, x):
        self.hidden = self.hidden + 1
        noise = torch.randn(6) + random.random() + np.random.rand()
        return self.norm(self.first(x)) + self.hidden + noise


def test_nothing_is_left_of_it():
    torch.manual_seed(0)
    model, calls = Stateful(), []
    model.first.register_forward_hook(lambda *_: calls.append(1))
    model.eval()
    model.norm.train()
    before = copy.deepcopy(model.state_dict())
    hidden, modes = model.hidden, [module.training for module in model.modules()]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    with alone(model) as call:
        first, again = call(torch.ones(3, 4)), call(torch.ones(3, 4))
    assert not first.requires_grad
    assert torch.allclose(first, again - 1, atol=1e-5)  # the hidden state went on inside, the draws began anew
    assert model.hidden is hidden
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()
    assert calls == []
    model(torch.ones(3, 4))
    assert calls == [1]


def test_it_is_put_back_after_an_error_too():
    model = Stateful()
    try:
        with alone(model) as call:
            call(torch.ones(3, 5))
    except RuntimeError:
        pass
    assert model.training
    assert model.norm.training


def test_rounding_is_no_difference():
    a = torch.randn(5, 7)
    assert not differ(a, a * (1 + 1e-6))
    assert differ(a, a + 0.1)
    assert not differ(a.bfloat16(), (a * 1.002).bfloat16())


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 100))
@settings(max_examples=30)
def test_a_row_has_the_same_fingerprint_in_any_batch(rows, width, seed):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, width, generator=draw)
    order = torch.randperm(rows, generator=draw)
    prints = Fingerprints()
    whole = prints.rows(x)
    assert torch.equal(whole[order], prints.rows(x[order]))
    assert torch.equal(whole[-1:], prints.rows(x[-1:]))
    assert len(set(whole.tolist())) == rows
    taken = [prints.take(x), prints.take(x[:1]), prints.take(x.double()), prints.take(x[-1:])]
    for part, at_once in zip((x, x[:1], x.double(), x[-1:]), prints.of_taken(taken), strict=True):
        assert torch.equal(prints.rows(part), at_once)


@given(st.integers(4, 30), st.integers(0, 100), st.integers(0, 29))
@settings(max_examples=30)
def test_only_the_same_order_repeats(batches, seed, at):
    draw = random.Random(seed)
    epoch = [draw.random() for _ in range(batches)]
    targets = [0.0] * (2 * batches)
    assert repeats(epoch + epoch, targets) == batches
    other = epoch[:]
    other[at % batches] += 1
    assert repeats(epoch + other, targets) == 0


@given(st.integers(2, 10), st.integers(0, 1000))
@settings(max_examples=50)
def test_sorted_labels_are_told_from_shuffled_and_from_balanced_ones(classes, seed):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(classes).repeat_interleave(600 // classes)
    assert sorted_by_label(list(labels.split(32)))["classes"] == classes
    many = torch.arange(100).repeat_interleave(6)  # several classes in each batch
    assert sorted_by_label(list(many.split(32)))["classes"] == 100
    assert sorted_by_label(list(labels[torch.randperm(len(labels), generator=draw)].split(32))) == {}
    balanced = [torch.randperm(20, generator=draw)[:4].repeat_interleave(8) for _ in range(30)]
    assert sorted_by_label(balanced) == {}


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_sorted_numbers_are_told_from_a_series_in_time(seed):
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(400, generator=draw)
    assert sorted_by_value(list(values.sort().values.split(32)))
    assert sorted_by_value(list(values.split(32))) == {}
    assert sorted_by_value(list(values.cumsum(0).split(32))) == {}
    assert sorted_by_value([torch.ones(32)] * 8) == {}


def overlap_of(train, val, batch=20):
    overlap = Overlap()
    for _ in range(2):
        for part in train[torch.randperm(len(train))].split(batch):
            overlap.trained(part)
    for part in val.split(batch):
        overlap.evaluated(1, part)
    return overlap.found()


def test_shared_rows_are_counted_and_an_evaluation_of_the_training_rows_is_none():
    rows = torch.arange(500, dtype=torch.float64) ** 1.5
    assert overlap_of(rows[:400], rows[400:]) == {}
    assert overlap_of(rows, rows[400:]) == {"rows": 100, "shared": 100, "train_rows": 500}
    assert overlap_of(rows[:400], rows[:400]) == {}
    mixed = torch.stack([rows[300:400], rows[400:]], dim=1).flatten()
    assert overlap_of(rows[:400], mixed)["shared"] == 100
