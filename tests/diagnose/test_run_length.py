"""Runs that ended too soon, each beside the nearest one that did not."""

import math

import pytest

from ravine.diagnose.symptoms.batch_too_large import batch_too_large
from ravine.diagnose.symptoms.stops_too_early import stops_too_early
from ravine.records.finding import Severity
from ravine.records.history import History

ABOUT = {"kind": "about", "step": 0, "loss": "cross_entropy", "task": "classification", "classes": 10}


def passes(losses, validated, right=None, about=ABOUT, lr=0.1):
    """A row for each step, and as many epochs as there are validation losses."""
    per_epoch = len(losses) // len(validated)
    steps = [{"kind": "step", "step": at, "train_loss": loss, "lr": lr} for at, loss in enumerate(losses)]
    right = right or [0.5] * len(validated)
    epochs = [
        {
            "kind": "epoch",
            "step": per_epoch * (at + 1),
            "train_loss": sum(losses[per_epoch * at : per_epoch * (at + 1)]) / per_epoch,
            "val_loss": validated[at],
            "val_accuracy": right[at],
        }
        for at in range(len(validated))
    ]
    return History([about, {"kind": "about", "step": 1, "val_rows": 300}, *steps, *epochs])


def falling(begin, end, steps, bend=1.0):
    """From one loss to the other, the more bent the steeper it begins, with a little noise."""
    shape = [(1 - math.exp(-bend * at / steps)) / (1 - math.exp(-bend)) for at in range(steps)]
    return [begin + (end - begin) * part + 0.02 * (-1) ** at for at, part in enumerate(shape)]


@pytest.mark.parametrize(
    ("begin", "end", "validated", "fires"),
    [
        (4.2, 2.1, [2.37, 2.17], True),  # twice over the rows, and 9% gained by the second time
        (2.3, 0.3, [0.9, 0.5, 0.35], True),
        (4.2, 2.1, [2.20, 2.12], False),  # the second time brought little
        (2.1, 1.85, [1.98, 1.85], False),  # taken up again: what had been learned before is not on record
        (4.2, 1.8, [2.37, 2.16, 2.0, 1.86], False),  # four times over, and as much a time
    ],
)
def test_few_passes_of_which_the_last_still_brought_much(begin, end, validated, fires):
    found = stops_too_early(passes(falling(begin, end, 120, 3.0), validated))
    assert (found is not None) is fires
    if found is not None:
        assert found.details["passes"] == len(validated)


def test_a_last_pass_that_brought_a_great_deal_is_more_than_a_note():
    severities = [
        stops_too_early(passes(falling(2.3, 0.9, 80, 3.0), validated)).severity
        for validated in ([1.07, 1.0], [1.5, 1.0])
    ]
    assert severities == [Severity.NOTE, Severity.WARNING]


@pytest.mark.parametrize(
    ("right", "fires"),
    [
        ([0.3, 0.45, 0.58, 0.66, 0.73, 0.78, 0.82], True),
        ([0.6, 0.75, 0.82, 0.84, 0.85, 0.86, 0.86], False),  # it grows surer of what it knows
    ],
)
def test_a_loss_that_falls_while_accuracy_rises_or_rests(right, fires):
    validated = [2.1, 1.7, 1.3, 1.0, 0.8, 0.68, 0.58]
    found = stops_too_early(passes(falling(2.3, 0.55, 140, 1.8), validated, right))
    assert (found is not None) is fires


def test_an_accuracy_at_rest_does_not_excuse_a_loss_that_has_hardly_begun_to_fall():
    validated = [2.25 - 0.1 * at for at in range(10)]
    assert stops_too_early(passes(falling(2.3, 1.3, 200, 0.1), validated, [0.4] * 10)) is not None


def test_a_loss_without_a_floor_is_not_a_reason_to_go_on():
    validated = [-4.0 * at for at in range(10)]
    right = [0.1 + 0.08 * at for at in range(10)]
    assert stops_too_early(passes(falling(0.5, -40.0, 200, 0.1), validated, right)) is None


@pytest.mark.parametrize(("batch", "steps", "fires"), [(250, 48, True), (50, 48, False), (250, 400, False)])
def test_a_loss_that_still_falls_after_few_steps_is_one_of_large_batches(batch, steps, fires):
    about = {**ABOUT, "batch_size": batch, "train_rows": 1000}
    # An accuracy that rests: nothing is said of the length of the run itself.
    history = passes(falling(2.3, 0.2, steps, 3.0), [0.5] * 8, [0.9] * 8, about)
    assert stops_too_early(history) is None
    assert (batch_too_large(history) is not None) is fires
