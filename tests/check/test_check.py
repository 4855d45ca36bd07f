"""The shell around the probes: what it leaves alone, what it accepts, and what it says."""

import copy
import json
import math
import random
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import ravine
from made import checked_models as made
from ravine.check.catalogue import PROBES
from ravine.check.guess import guess_of
from ravine.check.probe import Probe, State, passed
from ravine.check.reading import read
from ravine.check.rows import gather
from ravine.check.text import checkup_text
from ravine.core.errors import BadData, BadValue, UserCodeError
from ravine.core.sources import Source

CHEAP = ["first-loss", "evaluated-twice", "mixing"]
SOURCE = Source("Nobody", 2026, "Nothing")


def states_of_chance():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


def test_nothing_of_the_user_is_changed():
    x, y = made.digits(200)
    order = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(x, y), 32, shuffle=True, generator=order)
    model = made.mlp(nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.5))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    loss = nn.CrossEntropyLoss()
    loss(model(x), y).backward()
    optimizer.step()
    model.eval()
    model[1].train()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), [p.grad for p in model.parameters()]))
    modes, chance, shuffle = [part.training for part in model.modules()], states_of_chance(), order.get_state()
    found = ravine.check(model, loss, loader, optimizer=optimizer, seconds=4)
    assert len(found.asked) == len(PROBES)
    after = (model.state_dict(), optimizer.state_dict(), [p.grad for p in model.parameters()])
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert [part.training for part in model.modules()] == modes
    assert states_of_chance() == chance
    assert torch.equal(order.get_state(), shuffle)


def test_the_same_seed_gives_the_same_numbers(checked):
    one, two = (checked(made.regression, only=["first-loss", "overfit-one-batch"]) for _ in range(2))
    assert [asked.seen for asked in one.asked] == [asked.seen for asked in two.asked]


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x, y),
        lambda x, y: (x.numpy(), y.numpy()),
        lambda x, y: [(x[:50], y[:50]), (x[50:], y[50:])],
        lambda x, y: TensorDataset(x, y),
        lambda x, y: DataLoader(TensorDataset(x, y), 32),
    ],
)
def test_data_come_in_many_forms(form):
    x, y = made.digits(100)
    found = ravine.check(made.mlp(), nn.CrossEntropyLoss(), form(x, y), only=CHEAP)
    assert (found.verdict, found.rows) == ("healthy", 100)


def test_a_stream_is_read_no_further_than_needed():
    given = 0

    class Stream(IterableDataset):
        def __iter__(self):
            nonlocal given
            while True:
                given += 1
                yield torch.randn(4), torch.tensor(given % 3)

    found = ravine.check(nn.Linear(4, 3), nn.CrossEntropyLoss(), DataLoader(Stream(), 64), only=CHEAP)
    assert found.rows == 2048
    assert given <= 2048


def test_batches_of_other_shapes_are_left_out():
    loss = made.token_loss
    batches = [
        (torch.zeros(4, width, dtype=torch.long), torch.zeros(4, width, dtype=torch.long)) for width in (5, 7, 5)
    ]
    found = ravine.check(nn.Embedding(9, 9), loss, batches, only=["first-loss"])
    assert found.rows == 8


def test_a_model_of_two_inputs_by_name_is_read():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(8, 3)

        def forward(self, left, right):
            return self.body(torch.cat([left, right], 1))

    x = torch.randn(120, 4)
    batch = ({"left": x, "right": x.flip(0)}, torch.arange(120) % 3)
    found = ravine.check(Two(), nn.CrossEntropyLoss(), batch, seconds=1000)
    assert found.verdict == "healthy"
    assert {one.probe.name for one in found.asked if "broke off" in one.seen.said} == set()


def test_a_batch_of_a_few_rows_leaves_questions_open_and_says_what_would_tell():
    x, y = made.digits(12)
    found = ravine.check(made.mlp(), nn.CrossEntropyLoss(), (x, y), seconds=1000)
    open_ = {one.probe.name: one.seen for one in found.asked if one.seen.state is State.UNSURE}
    assert set(open_) == {"train-against-eval", "shuffled-inputs", "baselines"} | ({"learning-rate-test"} & set(open_))
    assert open_["baselines"].measure.startswith("let the function return a Dataset")
    untold = {one.symptom for one in found.diagnosis.abstained}
    assert "underfits" in untold


def planted(monkeypatch, look, name="mixing"):
    """Put `look` in the place of a probe."""
    probe = Probe(name=name, look=look, symptoms=("mixes-examples",), source=SOURCE)
    monkeypatch.setitem(PROBES._members, name, probe)


def test_a_probe_that_breaks_is_dropped_and_the_others_go_on(monkeypatch):
    def broken(_):
        raise KeyError("a word\nand more")

    planted(monkeypatch, broken)
    found = ravine.check(made.mlp(), nn.CrossEntropyLoss(), made.digits(50), only=CHEAP)
    states = [one.seen.state for one in found.asked]
    assert states == [State.PASSED, State.PASSED, State.UNSURE]
    assert "broke off with KeyError" in found.asked[-1].seen.said
    assert "\n" not in found.asked[-1].seen.said


def test_ctrl_c_keeps_what_was_found(monkeypatch):
    def stopped(_):
        raise KeyboardInterrupt

    planted(monkeypatch, stopped)
    found = ravine.check(made.too_large()[0], nn.CrossEntropyLoss(), made.digits(50), only=CHEAP)
    assert found.stopped
    assert [one.symptom for one in found.findings] == ["starts-off"]


def test_time_that_is_over_is_said(monkeypatch):
    def slow(_):
        time.sleep(0.3)
        return passed("slept")

    planted(monkeypatch, slow, "first-loss")
    found = ravine.check(made.mlp(), nn.CrossEntropyLoss(), made.digits(50), only=CHEAP, seconds=0.2)
    assert [one.seen.said for one in found.asked[1:]] == ["no time was left"] * 2


def test_probes_are_asked_by_name_in_their_own_order():
    found = ravine.check(
        made.mlp(), nn.CrossEntropyLoss(), made.digits(50), only=["mixing", "first_loss"], skip=["mixing"]
    )
    assert [one.probe.name for one in found.asked] == ["first-loss"]
    with pytest.raises(BadValue, match=r"unknown probe 'first-los'\. Did you mean 'first-loss'\?"):
        ravine.check(made.mlp(), nn.CrossEntropyLoss(), made.digits(50), only=["first-los"])
    with pytest.raises(BadValue, match="no probe is left to ask"):
        ravine.check(made.mlp(), nn.CrossEntropyLoss(), made.digits(50), only=["mixing"], skip=["mixing"])


@pytest.mark.parametrize(
    ("model", "loss", "data", "words"),
    [
        (
            made.mlp(),
            nn.CrossEntropyLoss(reduction="none"),
            made.digits(8),
            r"must be one number, a mean over the batch",
        ),
        (made.mlp(inputs=9), nn.CrossEntropyLoss(), made.digits(8), r"the Sequential on shape \(8, 64\) raised"),
        (made.mlp(outputs=3), nn.CrossEntropyLoss(), made.digits(40), r"outputs of shape \(40, 3\) and targets of"),
        (made.mlp(), nn.CrossEntropyLoss(), TensorDataset(torch.zeros(0, 64)), "the data set is empty"),
        (made.mlp(), nn.CrossEntropyLoss(), 7, "batch must be"),
        (nn.LazyLinear(3), nn.CrossEntropyLoss(), made.digits(8), "has no shapes yet"),
        ("no model", nn.CrossEntropyLoss(), made.digits(8), r"model must be a torch\.nn\.Module"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(model, loss, data, words):
    with pytest.raises((BadValue, BadData, UserCodeError), match=words) as refused:
        ravine.check(model, loss, data)
    assert str(refused.value).startswith("check: ")
    assert "\n" not in str(refused.value)


def test_every_order_of_what_our_verbs_take_is_read():
    model, loss, (x, y) = made.mlp(), nn.CrossEntropyLoss(), made.digits(8)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    assert read((model, loss, (x, y)), "it").loss is loss
    given = read((model, optimizer, loss, (x, y)), "it")
    assert (given.optimizer, given.loss, given.data[0]) == (optimizer, loss, x)
    given = read((model, x, loss, y), "it")
    assert given.loss is loss
    assert torch.equal(given.data[1], y)
    assert read((model, {"x": x}), "it").loss is None
    for wrong in ((model, loss), (model, loss, loss, x), (loss.forward, x), model):
        with pytest.raises(BadValue, match=r"check: it must return \(model, loss, data\)"):
            read(wrong, "it")


def test_what_was_found_can_be_written_and_printed(checked):
    found = checked(made.too_large, only=[*CHEAP, "causal-mask"], skip=["mixing"])
    told = json.loads(json.dumps(found.to_json()))
    assert told["verdict"] == "findings"
    assert set(told["findings"][0]) >= {"symptom", "severity", "confidence", "first_step", "evidence", "advice"}
    assert [one["probe"] for one in told["probes"]] == ["first-loss", "evaluated-twice", "causal-mask"]
    lines = checkup_text(found, 60).splitlines()
    assert lines[0] == "Sequential: this run starts-off."
    assert lines[1].startswith("Change first: Make the last layer's first weights")
    assert max(map(len, lines)) <= 60
    assert str(found).splitlines()[0] == lines[0]


def test_the_guess_is_that_of_the_loss_whatever_its_name():
    outputs, labels = torch.randn(30, 5), torch.arange(30) % 5
    numbers = torch.randn(30, 5, dtype=torch.float64).float()

    def ask(loss, aim):
        found = guess_of(loss, outputs, (aim,))
        assert found is not None
        return found

    smoothed = ask(nn.CrossEntropyLoss(label_smoothing=0.2), labels)
    assert (smoothed.kind, smoothed.classes) == ("cross entropy", 5)
    assert smoothed.constant == pytest.approx(math.log(5), rel=1e-3)
    weighted = ask(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2, 3, 4, 5])), labels)
    assert weighted.first == pytest.approx(math.log(5))
    assert ask(nn.CrossEntropyLoss(reduction="sum"), labels).scale == 30
    assert not ask(nn.NLLLoss(), labels).logits
    squares = ask(nn.MSELoss(), numbers)
    assert (squares.kind, squares.constant) == ("squares", pytest.approx(float(numbers.var(0, correction=0).mean())))
    assert ask(lambda a, b: -nn.functional.mse_loss(a, b), numbers).turned
    assert ask(nn.L1Loss(), numbers).kind == "other"
    assert ask(nn.BCEWithLogitsLoss(), (numbers > 0).float()).first == pytest.approx(math.log(2))
    assert not ask(nn.BCELoss(), (numbers > 0).float()).logits
    assert guess_of(nn.MSELoss(), {"a": outputs}, (numbers,)) is None


def test_rows_know_whether_they_can_be_told_apart():
    device = torch.device("cpu")
    sequence_first = gather((torch.zeros(7, 3, 2), torch.zeros(3)), with_target=True, device=device, seed=0)
    assert not sequence_first.rows.apart
    rows = gather((torch.arange(3000.0)[:, None], torch.arange(3000)), with_target=True, device=device, seed=0).rows
    assert rows.count == 2048
    assert torch.equal(rows.args[0][:, 0].long(), rows.target[0])
    swapped = rows.with_inputs_of(torch.arange(2048).roll(1))
    assert torch.equal(swapped.args[0].roll(-1, 0), rows.args[0])
    assert torch.equal(swapped.target[0], rows.target[0])
