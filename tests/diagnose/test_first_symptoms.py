"""The first symptoms on curves whose cause is known, and silence on healthy ones."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.diagnose.doctor import examine
from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.finding import Severity
from ravine.records.history import History

EPOCHS = 40


def history(train, validation=None, accuracy=None, lr=0.1):
    rows = []
    for place, value in enumerate(train):
        row = {"kind": "epoch", "step": 10 * (place + 1), "epoch": place + 1, "train_loss": value, "lr": lr}
        if validation is not None:
            row["val_loss"] = validation[place]
        if accuracy is not None:
            row["val_accuracy"] = accuracy[place]
        rows.append(row)
    return History(rows)


def falling(seed, floor=0.05, noise=0.0):
    draw = random.Random(seed)
    return [floor + math.exp(-epoch / 8) + draw.gauss(0, noise) for epoch in range(EPOCHS)]


def turning(seed, rise=0.03, noise=0.01):
    """A validation loss with its minimum at epoch 12, then rising in proportion."""
    draw = random.Random(seed)
    return [0.5 + abs(epoch - 12) * (0.03 if epoch < 12 else rise) + draw.gauss(0, noise) for epoch in range(EPOCHS)]


def names(found):
    return [finding.symptom for finding in found]


@pytest.mark.parametrize("seed", range(20))
def test_a_rising_validation_loss_is_overfitting(seed):
    (finding,) = examine(history(falling(seed), turning(seed)))
    assert finding.symptom == "overfits"
    # the minimum was put at epoch 12 of ten steps each; the stretch that holds it begins at most 8 epochs before
    assert 40 <= finding.first_step <= 130
    assert finding.details["last"] > finding.details["lowest"]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_a_healthy_run_is_met_with_silence(seed, noise):
    assert examine(history(falling(seed), falling(seed + 100, floor=0.3, noise=noise))) == []


@pytest.mark.parametrize("seed", range(5))
def test_growing_surer_is_not_overfitting(seed):
    """The validation loss rises and the accuracy too: the network is less calibrated, not worse."""
    accuracy = [0.7 + 0.005 * epoch for epoch in range(EPOCHS)]
    assert examine(history(falling(seed), turning(seed), accuracy)) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_training_that_gets_worse_everywhere_is_not_overfitting(seed):
    assert names(examine(history(turning(seed), turning(seed)))) == ["diverges"]


def test_too_few_epochs_or_no_validation_set_are_no_verdict():
    assert examine(history(falling(0)[:5], turning(0)[:5])) == []
    assert examine(history(falling(0))) == []
    assert examine(History([])) == []


@given(st.integers(0, EPOCHS - 1), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_the_first_loss_that_is_no_number_is_found_where_it_is(place, value):
    curve = falling(1)
    curve[place:] = [value] * (EPOCHS - place)
    (finding,) = examine(history(curve, lr=0.3))
    assert finding.symptom == "turns-nan"
    assert finding.severity is Severity.ERROR
    assert finding.first_step == 10 * (place + 1)
    assert "0.3" in finding.evidence
    assert "0.03" in finding.advice


def test_the_finer_rows_date_a_nan():
    rows = [{"kind": "step", "step": step, "train_loss": 1.0 if step < 7 else math.nan} for step in range(1, 11)]
    (finding,) = examine(History([*rows, {"kind": "epoch", "step": 10, "train_loss": math.nan}]))
    assert finding.first_step == 7
    assert "step 6" in finding.evidence


def test_every_symptom_says_what_it_sees_and_where_it_comes_from():
    for symptom in SYMPTOMS.values():
        said = symptom.look.__doc__ or ""
        for part in ("What it sees:", "Why it matters:", "Not to be mistaken for:", "What to do:", "Source:"):
            assert part in said, (symptom.name, part)
