"""Few rows that are known by heart, each beside the nearest training that is healthy."""

import pytest

from ravine.diagnose.symptoms.overfits import overfits
from ravine.diagnose.symptoms.runs_too_long import runs_too_long
from ravine.records.history import History


def history(trained, asked, right, passes=60, rows=100, classes=10):
    """Losses that come down to these, and stay there."""
    about = {"kind": "about", "step": 0, "task": "classification", "classes": classes, "train_rows": rows}
    accuracy = {} if right is None else {"val_accuracy": right}
    epochs = [
        {
            "kind": "epoch",
            "step": 2 * (at + 1),
            "train_loss": trained + 2.2 * 0.7**at,
            "val_loss": asked + 2.2 * 0.7**at + 0.002 * (-1) ** at,
            **accuracy,
        }
        for at in range(passes)
    ]
    return History([about, {"kind": "about", "step": 1, "val_rows": 300}, *epochs])


@pytest.mark.parametrize(
    ("trained", "asked", "right", "passes", "rows", "fires"),
    [
        (0.02, 0.95, 0.74, 60, 2000, True),  # the validation loss has not risen, but a quarter is wrong
        (0.02, 0.95, 0.96, 60, 2000, False),  # sure of itself, and right
        (0.02, 0.95, None, 60, 2000, False),  # nobody knows which of the two
        (0.02, 0.95, 0.74, 14, 2000, False),  # a few passes: nothing is known by heart
        (0.45, 0.95, 0.74, 60, 2000, False),  # the training loss is not next to nothing
        (0.005, 0.30, 0.91, 60, 100, True),  # ten rows of each class
        (0.005, 0.30, 0.91, 60, 200, False),  # twenty, and the gap that they leave
        (0.005, 0.10, 0.96, 60, 100, False),
    ],
)
def test_a_gap_that_stays_after_many_passes(trained, asked, right, passes, rows, fires):
    found = overfits(history(trained, asked, right, passes, rows))
    assert (found is not None) is fires
    if found is not None:
        assert found.details["gap"] == pytest.approx(asked - trained, rel=0.02)
        assert found.details["passes"] == passes


def test_a_gap_in_unknown_units_is_measured_by_the_first_loss():
    rows = [row for row in history(0.02, 0.95, 0.74).rows if row["kind"] == "epoch"]
    found = overfits(History(rows))
    assert found is not None
    assert "of the first loss" in found.evidence


@pytest.mark.parametrize(("rise", "fires"), [(0.15, False), (0.4, True)])
def test_a_loss_over_what_cannot_be_learned_wanders_before_it_says_that_the_run_was_too_long(rise, fires):
    rows = [
        {"kind": "epoch", "step": 10 * at, "train_loss": 0.6, "val_loss": 0.7 * (1 + rise * max(0, at - 8) / 22)}
        for at in range(1, 31)
    ]
    assert (runs_too_long(History(rows)) is not None) is fires
