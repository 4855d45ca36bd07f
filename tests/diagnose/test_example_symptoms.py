"""What single examples tell: histories that must fire, and the nearest ones that must not."""

import math

import pytest

from ravine.diagnose.doctor import diagnose
from ravine.diagnose.examples import best_evaluations, recalls, seen
from ravine.diagnose.symptom import Abstained
from ravine.diagnose.symptoms.differs_in_preprocessing import differs_in_preprocessing
from ravine.diagnose.symptoms.has_noisy_labels import has_noisy_labels
from ravine.diagnose.symptoms.is_imbalanced import is_imbalanced
from ravine.diagnose.symptoms.memorizes import memorizes
from ravine.diagnose.symptoms.validates_on_too_little import validates_on_too_little
from ravine.records.finding import Finding
from ravine.records.history import History

ABOUT = {"kind": "about", "step": 0, "loss": "cross_entropy", "task": "classification", "classes": 10}
STEPS = range(20, 300, 20)


def evaluation(step, *, rows=300, right=0.85, far=0.0, loss=0.5, **more):
    return {
        "kind": "examples", "step": step, "part": "val", "rows": rows, "right": right, "far": far, "sure": 0.5,
        "certain": 0.5, "contradicted": 0.0, "best": right, "loss": loss, **more,
    }  # fmt: skip


def falling(step, loss=0.5):
    return loss + (math.log(10) - loss) * math.exp(-step / 40)


def curves(right=0.85, loss=0.5, *, train_loss=None):
    for step in STEPS:
        val = falling(step, loss)
        yield {
            "kind": "epoch", "step": step, "train_loss": train_loss or val,
            "val_loss": val, "train_accuracy": right, "val_accuracy": right,
        }  # fmt: skip


def watched(*, train_loss=None, classes=10, **how):
    """A run with one row of examples for each evaluation."""
    log = [{**ABOUT, "classes": classes}, *curves(how.get("right", 0.85), how.get("loss", 0.5), train_loss=train_loss)]
    return History(
        [*log, *(evaluation(step, **{**how, "loss": falling(step, how.get("loss", 0.5))}) for step in STEPS)]
    )


def test_a_stretch_is_weighted_by_rows():
    rows = [
        {"kind": "examples", "step": 1, "part": "train", "rows": 10, "right": 0.5, "loss": 1.0, "far": 0.2},
        {"kind": "examples", "step": 2, "part": "train", "rows": 30, "right": 0.9, "loss": 2.0, "far": 0.0},
        {"kind": "examples", "step": 3, "part": "train", "rows": 30, "right": 0.0, "loss": 9.0, "far": 1.0},
        {"kind": "examples", "step": 2, "part": "val", "rows": 30, "right": 0.0, "loss": 9.0, "far": 1.0},
        {"kind": "examples", "step": 2, "part": "train", "rows": 0, "right": 0.0, "loss": math.nan},
    ]
    found = seen(History(rows), "train", 0, 2)
    assert found.rows == 40
    assert found.shares == pytest.approx({"right": 0.8, "far": 0.05})
    assert found.loss == pytest.approx(1.75)
    assert found.wrong == pytest.approx(8)
    assert found.far_of_wrong().value == pytest.approx(0.25)
    assert (found.first_step, found.last_step) == (1, 2)
    assert seen(History(rows), "test") is None


def test_rows_of_several_evaluations_are_the_same_rows():
    table = [evaluation(step, rows=80, loss=1 + abs(step - 100) / 400) for step in STEPS]
    found = best_evaluations(History(table))
    assert found.rows == 80
    assert (found.first_step, found.last_step) == (60, 140)


def test_what_was_evaluated_before_much_was_learned_is_not_of_the_best():
    table = [evaluation(step, rows=80, loss=2.0 if step < 100 else 1.0) for step in STEPS]
    assert best_evaluations(History(table)).first_step == 100


def test_recall_by_class():
    counted = [evaluation(step, class_rows=[8, 2], class_right=[8, right]) for step, right in ((1, 0), (2, 0), (3, 1))]
    known = recalls(History(counted))
    assert known.of([0]).value == 1
    assert known.of([1]).value == 0.5
    assert known.of([0, 1]).value == 0.9
    assert recalls(History([evaluation(1)])) is None


@pytest.mark.parametrize(
    ("how", "fires"),
    [
        ({"right": 0.84, "far": 0.05}, True),  # a tenth of the labels is wrong
        ({"right": 0.74, "far": 0.11}, True),
        ({"right": 0.46, "far": 0.27}, True),  # half of them
        ({"right": 0.84, "far": 0.01}, False),  # what is confused is ranked near the top
        ({"right": 0.45, "far": 0.10}, False),  # not much is learned yet
        ({"right": 0.12, "far": 0.48}, False),  # nothing is
        ({"right": 0.84, "far": 0.05, "rows": 40}, False),  # two rows
        ({"right": 0.84, "far": 0.05, "train_loss": 0.1}, False),  # training rows are all well known
        ({"right": 0.70, "far": 0.15, "classes": 2}, False),  # no class is far
    ],
)
def test_labels_far_down_are_labels_at_random(how, fires):
    assert (has_noisy_labels(watched(**how)) is not None) is fires


@pytest.mark.parametrize(
    ("right", "far", "fires"),
    [
        (0.34, 0.30, True),  # six tenths of the training labels belong to other rows
        (0.26, 0.27, False),  # rows augmented beyond recognition
        (0.51, 0.07, False),
        (0.82, 0.01, False),  # dropout
    ],
)
def test_labels_of_the_training_alone(right, far, fires):
    training = [
        {**evaluation(step, rows=64, right=right, far=far, loss=1.5), "part": "train"} for step in range(10, 280, 10)
    ]
    log = watched(train_loss=1.5).rows
    assert (has_noisy_labels(History([*log, *training])) is not None) is fires


def test_how_many_labels_are_wrong_is_said():
    found = has_noisy_labels(watched(right=0.75, far=0.125))
    assert found.details["wrong_labels"] == pytest.approx(0.125 * 9 / 5)
    assert "22%" in found.evidence
    assert diagnose(watched(right=0.75, far=0.125)).findings[0].symptom == "has-noisy-labels"


def test_a_loss_at_the_entropy_of_random_labels_is_something_else_where_none_is_far():
    """Smoothed labels hold a loss up just so; single examples tell them from wrong ones."""
    wrong = 0.15
    held = -(1 - wrong) * math.log(1 - wrong) - wrong * math.log(wrong / 9)
    log = [ABOUT, *curves(1 - wrong, held)]
    assert has_noisy_labels(History(log)) is not None
    examples = [evaluation(step, right=1 - wrong, far=0.002, loss=held) for step in STEPS]
    assert has_noisy_labels(History([*log, *examples])) is None


@pytest.mark.parametrize(("known", "says"), [(True, Finding), (False, Abstained)])
def test_how_little_holds_elsewhere_takes_the_number_of_classes(known, says):
    rising = {at: min(1.0, at / 9) for at in range(1, 20)}
    log = [
        {"kind": "epoch", "step": 20 * at, "train_loss": 3 / at**2, "train_accuracy": right, "val_accuracy": 0.4}
        for at, right in rising.items()
    ]
    assert isinstance(memorizes(History([*([ABOUT] if known else []), *log])), says)


@pytest.mark.parametrize("symptom", [has_noisy_labels, is_imbalanced])
def test_curves_alone_leave_it_open(symptom):
    assert isinstance(symptom(History(curves())), Abstained)


def counted(labels, recalled, rows=300):
    """A run on classes with so many labels, and recalls."""
    each = [round(rows * count / sum(labels)) for count in labels]
    hits = [round(recall * count) for recall, count in zip(recalled, each, strict=True)]
    right = sum(hits) / sum(each)
    labels_row = {"kind": "input", "step": 1, "part": "train", "rows": 64, "label_counts": labels}
    examples = [evaluation(step, right=right, class_rows=each, class_right=hits) for step in STEPS]
    return History([{**ABOUT, "classes": len(labels)}, labels_row, *curves(right), *examples])


@pytest.mark.parametrize(
    ("labels", "recalled", "fires"),
    [
        ([100] + 9 * [20], [0.99] + 9 * [0.8], True),
        ([100] + 9 * [20], [0.99] + 9 * [0.98], False),  # told apart all the same
        ([40] + 9 * [20], [0.99] + 9 * [0.8], False),
        ([300, 20], [0.99, 0.6], True),
        ([66, 34], [1.0, 0.85], False),
        ([120, 40, 30, 20, 10] + 15 * [1], [0.9, 0.6, 0.5, 0.3, 0.2] + 15 * [0.0], False),  # as letters in a text
        ([40, 26, 22, 9, 3], [0.9, 0.6, 0.5, 0.2, 0.1], False),
    ],
)
def test_one_class_at_the_expense_of_the_others(labels, recalled, fires):
    found = is_imbalanced(counted(labels, recalled))
    assert (found is not None) is fires


@pytest.mark.parametrize(
    ("rows", "right", "fires"), [(30, 0.9, True), (12, 0.9, True), (60, 0.8, False), (30, 1.0, False)]
)
def test_sixty_rows_are_enough_to_look_at(rows, right, fires):
    history = History([{**ABOUT, "val_rows": rows}, *curves(right)])
    assert (validates_on_too_little(history) is not None) is fires


@pytest.mark.parametrize(
    ("hits", "fires"), [([32, 44, 40, 46, 48, 48, 44, 46], False), ([30, 44, 40, 46, 50, 48], True)]
)
def test_sixty_rows_that_look_like_thirty(hits, fires):
    """A few accuracies that are multiples of 1/30 may be of sixty rows by chance."""
    log = [
        {"kind": "epoch", "step": 10 * place, "val_loss": 1.0, "val_accuracy": hit / 60}
        for place, hit in enumerate(hits)
    ]
    assert (validates_on_too_little(History(log)) is not None) is fires


def batches(part, mean, std, *, uneven=0.0, rows=50, number=8):
    for place in range(number):
        side = (-1) ** place
        yield {
            "kind": "input", "step": 20 * place, "part": part, "rows": rows, "mean": mean + side * uneven * std,
            "std": std * math.exp(side * uneven),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("mean", "std", "uneven", "fires"),
    [
        (0.5, 2.0, 0.03, True),
        (0.5, 2.0, 0.15, True),  # a small table
        (0.0, 1.9, 0.8, False),  # so do batches of the training differ among themselves
        (0.1, 1.15, 0.03, False),
        (0.0, 1 / 1.41, 0.03, False),
        (0.9, 1.0, 0.03, True),  # the mean was not taken away
        (0.2, 1.0, 0.03, False),
    ],
)
def test_another_scale_or_mean_of_the_validation(mean, std, uneven, fires):
    log = [*batches("train", 0.0, 1.0, uneven=uneven), *batches("val", mean, std, rows=100)]
    assert (differs_in_preprocessing(History(log)) is not None) is fires
