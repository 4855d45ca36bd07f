"""Single examples: what is said of them is what can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from ravine.watch.instrument import LossSeen
from ravine.watch.instruments.judged import MOST_EXAMPLES, answers_of, by_class, numbers_of
from ravine.watch.pace import Pace
from ravine.watch.watcher import Watcher


def seen(name, outputs, targets, **options):
    value = getattr(functional, name)(outputs, targets, **options)
    return LossSeen(
        name=name, outputs=outputs, targets=targets, value=value, options=options, place="", with_gradient=False
    )


def numbers(*losses):
    return {name: value.item() for name, value in numbers_of([answers_of(one) for one in losses]).items()}


SAID = torch.tensor([[0.9, 0.04, 0.03, 0.03], [0.9, 0.04, 0.03, 0.03], [0.4, 0.3, 0.2, 0.1], [0.85, 0.12, 0.02, 0.01]])
HELD = torch.tensor([0, 2, 3, 1])  # certain; contradicted; wrong and unsure; sure and wrong, yet not against the target


def test_four_rows_by_hand():
    found = numbers(seen("cross_entropy", SAID.log() + 7, HELD))
    losses = sorted(-math.log(p) for p in (0.9, 0.03, 0.1, 0.12))
    assert found["rows"] == 4
    assert found["right"] == 0.25
    assert found["sure"] == 0.75
    assert found["certain"] == 0.25
    assert found["contradicted"] == 0.25
    assert found["far"] == 0.5  # the third and the fourth of four classes
    assert found["best"] == pytest.approx((0.9 + 0.9 + 0.4 + 0.85) / 4)
    assert found["loss"] == pytest.approx(sum(losses) / 4)
    assert found["certain_loss"] == pytest.approx(-math.log(0.9))
    assert found["loss_median"] == pytest.approx(losses[2])
    assert found["loss_99"] == pytest.approx(losses[3])


def test_logarithms_and_logits_say_the_same():
    assert numbers(seen("nll_loss", SAID.log(), HELD)) == pytest.approx(
        numbers(seen("cross_entropy", SAID.log() - 3, HELD)), abs=1e-6
    )


def test_batches_together_are_one():
    apart = numbers(*(seen("cross_entropy", SAID[part], HELD[part]) for part in (slice(3), slice(3, 4))))
    assert apart == pytest.approx(numbers(seen("cross_entropy", SAID, HELD)))


def test_what_is_ignored_does_not_count():
    more = torch.cat([SAID.log(), torch.tensor([[50.0, 0, 0, 0]]).repeat(9, 1)])
    held = torch.cat([HELD, torch.full((9,), 17)])
    ignoring = numbers(seen("cross_entropy", more, held, ignore_index=17))
    assert ignoring == pytest.approx(numbers(seen("cross_entropy", SAID.log(), HELD)))
    none = numbers(seen("cross_entropy", SAID, torch.full((4,), -100)))
    assert none["rows"] == none["right"] == none["contradicted"] == 0


def test_places_are_examples():
    outputs = SAID.log().reshape(2, 2, 4).permute(0, 2, 1)  # (rows, classes, places)
    assert numbers(seen("cross_entropy", outputs, HELD.reshape(2, 2))) == pytest.approx(
        numbers(seen("cross_entropy", SAID.log(), HELD))
    )


@pytest.mark.parametrize("logits", [True, False])
def test_two_classes(logits):
    said, held = torch.tensor([0.95, 0.05, 0.95, 0.6, 0.3]), torch.tensor([1.0, 0.0, 0.0, 1.0, 0.5])
    name = "binary_cross_entropy_with_logits" if logits else "binary_cross_entropy"
    one = seen(name, said.logit() if logits else said, held)
    found = numbers(one)  # the last is of no class
    assert found["rows"] == 4
    assert found["right"] == 0.75
    assert found["certain"] == 0.5
    assert found["contradicted"] == 0.25
    assert found["loss"] == pytest.approx(
        functional.binary_cross_entropy(said[:4], held[:4]).item(),
    )
    assert "far" not in found
    counts = by_class([answers_of(one)])
    assert counts["class_rows"].tolist() == [2, 2]
    assert counts["class_right"].tolist() == [1, 2]


def test_classes_one_by_one():
    generator = torch.Generator().manual_seed(0)
    outputs, held = torch.randn(300, 7, generator=generator), torch.randint(0, 7, (300,), generator=generator)
    counts = by_class(
        [answers_of(seen("cross_entropy", outputs[part], held[part])) for part in (slice(99), slice(99, 300))]
    )
    hits = held[outputs.argmax(1) == held]
    assert torch.equal(counts["class_rows"], torch.bincount(held, minlength=7))
    assert torch.equal(counts["class_right"], torch.bincount(hits, minlength=7))
    wide = seen("cross_entropy", torch.randn(3, 2000, generator=generator), held[:3])
    assert by_class([answers_of(wide)]) == {}


def test_wrong_labels_at_random_fall_far_half_of_the_time():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 10, (20_000,), generator=generator)
    held = torch.where(
        torch.rand(20_000, generator=generator) < 0.3, truth[torch.randperm(20_000, generator=generator)], truth
    )
    outputs = functional.one_hot(truth, 10) * 6.0 + torch.randn(20_000, 10, generator=generator)
    found = numbers(seen("cross_entropy", outputs, held))
    assert found["far"] == pytest.approx(0.3 * 0.5, abs=0.03)
    assert numbers(seen("cross_entropy", outputs, truth))["far"] < 0.001


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (torch.randn(100, 4, 300), torch.zeros(100, 300, dtype=torch.long)),
        (torch.randn(30_000, 3), torch.zeros(30_000, dtype=torch.long)),
        (torch.randn(7, 3, 90_000), torch.zeros(7, 90_000, dtype=torch.long)),
        (torch.randn(300, 40_000), torch.zeros(300, dtype=torch.long)),
    ],
)
def test_never_too_many(outputs, targets):
    one = answers_of(seen("cross_entropy", outputs, targets))
    assert 50 < len(one) <= MOST_EXAMPLES
    assert len(one) * outputs.shape[1] <= 4_000_000
    counted = numbers_of([one])["right"].item()
    assert counted == pytest.approx((outputs.argmax(1) == targets).float().mean().item(), abs=0.05)


@pytest.mark.parametrize(
    ("name", "outputs", "targets"),
    [
        ("mse_loss", torch.randn(3, 2), torch.randn(3, 2)),
        ("cross_entropy", torch.randn(3, 4), torch.randn(3, 4).softmax(1)),
        ("l1_loss", torch.randn(3), torch.randn(3)),
    ],
)
def test_no_classes_no_examples(name, outputs, targets):
    assert answers_of(seen(name, outputs, targets)) is None


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy_with_logits"])
def test_no_number_is_read_while_it_is_worked_out(name):
    """Tensors that have no numbers will do; so nothing waits for a device."""
    outputs = torch.empty(6, 5, device="meta")
    held = outputs if name.startswith("binary") else torch.empty(6, dtype=torch.long, device="meta")
    one = answers_of(
        LossSeen(name=name, outputs=outputs, targets=held, value=outputs, options={}, place="", with_gradient=False)
    )
    found = {**numbers_of([one, one]), **by_class([one])}
    assert all(value.device.type == "meta" for value in found.values())


def training(evaluate):
    """Twelve steps over 64 rows in two epochs, each followed by an evaluation of 40; gives the weights it ends with."""
    torch.manual_seed(0)
    inputs = torch.randn(104, 6)
    targets = (inputs[:, 0] > 0).long() + 2 * (inputs[:, 1] > 0).long()
    train = DataLoader(TensorDataset(inputs[:64], targets[:64]), batch_size=16, shuffle=True)
    val = DataLoader(TensorDataset(inputs[64:], targets[64:]), batch_size=16)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    right = []
    for _ in range(3):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.set_grad_enabled(evaluate == "with gradients"):
            for x, y in val:
                outputs = model(x)
                functional.cross_entropy(outputs, y)
                hits += int((outputs.argmax(1) == y).sum())
        right.append(hits / 40)
    return [*(p.detach().clone() for p in model.parameters()), torch.rand(3)], right


@pytest.mark.parametrize("evaluate", ["without", "with gradients"])
def test_a_training_as_it_is_recorded(evaluate):
    alone, _ = training(evaluate)
    with Watcher(quiet=True, overhead=0.5).start() as watcher:
        watched, right = training(evaluate)
    assert all(torch.equal(one, other) for one, other in zip(alone, watched, strict=True))
    history = watcher.history
    assert history.examples("right", "val").steps == (4, 8, 12)
    assert history.examples("right", "val").values == pytest.approx(right)
    assert history.examples("rows", "val").values == (40, 40, 40)
    assert history.examples("rows", "train").steps[:5] == (0, 1, 2, 3, 4)
    assert set(history.examples("rows", "train").values) == {16}
    assert history.examples("right", "train").values == pytest.approx(history.series("train_accuracy", "step").values)
    for row in history.of_kind("examples"):
        if row["part"] == "val":
            assert sum(row["class_rows"]) == 40
            assert sum(row["class_right"]) == pytest.approx(40 * row["right"])
        else:
            assert "class_rows" not in row


def test_batches_of_the_training_are_looked_at_also_where_no_step_is_sampled(monkeypatch):
    monkeypatch.setattr(Pace, "wants", lambda *_: False)
    torch.manual_seed(0)
    inputs, targets = torch.randn(512, 6), torch.randint(0, 3, (512,))
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Watcher(quiet=True, overhead=0.5).start() as watcher:
        for step in range(200):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[step : step + 64]), targets[step : step + 64]).backward()
            optimizer.step()
    seen = watcher.history.examples("rows", "train")
    assert seen.values == (512, 512, 192)  # each tenth of 200 batches but the first


def test_examples_that_are_mixed_have_no_target():
    torch.manual_seed(0)
    inputs, targets = torch.randn(32, 6), torch.randint(0, 3, (32,))
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Watcher(quiet=True, overhead=0.5).start() as watcher:
        for _ in range(4):
            outputs = model(0.7 * inputs + 0.3 * inputs.flip(0))
            loss = functional.cross_entropy(outputs, targets)
            loss = 0.7 * loss + 0.3 * functional.cross_entropy(outputs, targets.flip(0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert not list(watcher.history.of_kind("examples"))


def test_training_rows_looked_at_once_more_are_no_evaluation():
    torch.manual_seed(0)
    inputs, targets = torch.randn(32, 6), torch.randint(0, 3, (32,))
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Watcher(quiet=True, overhead=0.5).start() as watcher:
        for _ in range(4):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            with torch.no_grad():
                functional.cross_entropy(model(inputs), targets)
    assert {row["part"] for row in watcher.history.of_kind("examples")} == {"train"}
