"""What neighbours tell: histories that must fire, and the nearest ones that must not."""

import math

import pytest

from ravine.diagnose.neighbours import misaligned, neighbours
from ravine.diagnose.poor import end_skill
from ravine.diagnose.symptoms.augments_too_hard import augments_too_hard
from ravine.diagnose.symptoms.crawls import crawls
from ravine.diagnose.symptoms.has_misaligned_labels import has_misaligned_labels
from ravine.diagnose.symptoms.over_regularizes import over_regularizes
from ravine.diagnose.symptoms.underfits import underfits
from ravine.records.history import History

GUESS = math.log(10)
ABOUT = {"kind": "about", "step": 0, "loss": "cross_entropy", "task": "classification", "classes": 10}


def asked(of="classes", **found):
    """A row of neighbours: agreements of five among ten classes, of 400 rows each."""
    row = {"kind": "neighbours", "step": 40, "of": of, "train_rows": 400, "val_rows": 400, "changed": 0.0}
    for name, value in found.items():
        row[name] = value
        if name.endswith(("_five", "_first", "_mean")) and of == "classes":
            row[f"{name}_chance"] = 0.1
    return row


def curves(end=0.1, right=0.9, *, val_right=None, val_ratio=1.0, speed=40.0, straight=False):
    """Losses, as shares of a guess's, that fall to `end` over 400 steps, and accuracies at their ends."""
    for step in range(20, 401, 20):
        way = step / 400 if straight else 1 - math.exp(-step / speed)
        loss, known = GUESS * (1 - (1 - end) * way), 0.1 + (right - 0.1) * way
        yield {
            "kind": "epoch", "step": step, "train_loss": loss, "val_loss": loss * val_ratio, "lr": 0.01,
            "train_accuracy": known, "val_accuracy": 0.1 + ((val_right or right) - 0.1) * way,
        }  # fmt: skip


def layers(moves):
    """Three layers that each move by so much of their weights in a step."""
    for step in range(0, 400, 40):
        for name, move in zip("abc", moves, strict=True):
            yield {
                "kind": "layer", "step": step, "layer": name, "type": "Linear", "weight_norm": 2.0,
                "update_norm": 2 * move,
            }  # fmt: skip


def watched(row, *, moves=(2e-3, 4e-3, 6e-3), about=(), **how):
    return History([{**ABOUT, **dict(about)}, *curves(**how), *layers(moves), *([] if row is None else [row])])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (asked(train_five=0.1, val_five=0.9), True),
        (asked(train_five=0.34, val_five=0.9), True),  # 60% of the labels belong to other rows
        (asked(train_five=0.6, val_five=0.9), False),  # 40% are wrong
        (asked(train_five=0.9, val_five=0.9), False),
        (asked(train_five=0.9, loaded_five=0.1, val_five=0.9, changed=2.0), False),  # loaded one batch ahead
        (asked(train_five=0.1, val_five=0.12), None),  # neighbours know nothing of this task
        (asked(train_five=0.2), None),
        (asked("tokens", train_shifted=0.41, val_shifted=1.0), True),
        (asked("tokens", train_shifted=0.99, val_shifted=1.0), False),
        (asked("tokens", train_shifted=0.0, val_shifted=0.0), None),  # tags, one for each token
        (asked("values", train_five=-0.2, val_five=0.4), True),
        (asked("values", train_five=0.35, val_five=0.3), False),
    ],
)
def test_labels_of_other_rows_are_told_by_those_of_the_evaluation(row, told):
    assert misaligned(neighbours(History([row]))) is told


def test_misaligned_labels_are_found_whatever_the_curves_do_and_never_against_the_data():
    away = asked(train_five=0.12, val_five=0.9, across_five=0.13)
    for end in (0.2, 0.6, 0.99):
        found = has_misaligned_labels(watched(away, end=end, right=0.3, val_right=0.1, val_ratio=1 / end))
        assert "skill" in found.evidence
    with_the_data = asked(train_five=0.9, val_five=0.9, across_five=0.9)
    by_heart = {"end": 0.2, "right": 0.9, "val_right": 0.1, "val_ratio": 6.0}
    assert has_misaligned_labels(watched(None, **by_heart)) is not None
    assert has_misaligned_labels(watched(with_the_data, **by_heart)) is None


def test_a_network_that_knows_both_parts_better_than_neighbours_has_its_labels():
    """Pictures that a strong change in the data set itself makes unlike: neighbours fail, the network does not."""
    strong = asked(train_five=0.12, val_five=0.4)
    assert has_misaligned_labels(watched(strong, end=0.3, right=0.3, val_right=0.3)) is not None
    assert has_misaligned_labels(watched(strong, end=0.3, right=0.8, val_right=0.85)) is None


def test_nearly_sure_of_the_data_is_sure_with_a_network_that_learns_nothing():
    few = {"of": "values", "train_rows": 280, "val_rows": 80, "changed": 0.0}
    row = {"kind": "neighbours", "step": 9, **few, "train_five": -0.1, "val_five": 0.23}
    said = neighbours(History([row]))
    assert misaligned(said) is None
    assert misaligned(said, unlearned=True)
    assert misaligned(neighbours(History([{**row, "train_five": 0.2}])), unlearned=True) is False


def test_rows_changed_until_nothing_is_left_are_told_from_ordinary_augmentation():
    poor = {"end": 0.7, "right": 0.4, "val_right": 0.8, "val_ratio": 0.7}
    hard = asked(train_five=0.5, loaded_five=0.95, val_five=0.93, changed=1.0)
    found = augments_too_hard(watched(hard, **poor))
    assert "before it" in found.evidence
    assert has_misaligned_labels(watched(asked(train_five=0.12, loaded_five=0.95, val_five=0.93, changed=16.0))) is None
    usual = asked(train_five=0.92, loaded_five=0.95, val_five=0.93, changed=0.09)
    learned = {"end": 0.05, "right": 0.97}
    assert augments_too_hard(watched(usual, end=0.3, right=0.8)) is None
    assert augments_too_hard(watched(hard, **learned)) is None  # a network that sees through it


def test_a_small_network_is_told_from_a_low_rate_and_from_a_short_run():
    known = asked(train_five=0.95, val_five=0.93, across_first=0.96, across_five=0.95, across_mean=0.85)
    small = {"end": 0.45, "right": 0.5, "speed": 60.0}
    found = underfits(watched(known, **small))
    assert "nearest" in found.evidence
    assert underfits(watched(known, moves=(1e-5, 3e-4, 2e-3), **small)) is None
    assert underfits(watched(known, **{**small, "right": 0.85})) is None  # nearly as good as they
    assert underfits(watched(known, end=0.2, right=0.7, straight=True)) is None  # still on its way
    assert underfits(watched(known, **small, val_ratio=1.5)) is None  # something else ails validation
    unknown = asked(train_five=0.95, val_five=0.93, across_first=0.5, across_five=0.5, across_mean=0.45)
    assert underfits(watched(unknown, **small)) is None


def test_layers_that_move_as_usual_do_not_crawl():
    slow = {"end": 0.75, "right": 0.3, "straight": True}
    assert crawls(watched(None, moves=(1e-5, 1e-4, 2e-4), **slow)) is not None
    assert crawls(watched(None, moves=(2e-3, 4e-3, 6e-3), **slow)) is None


def test_momentum_repeats_the_pull_of_a_weight_decay():
    """A rate of 0.01 and a decay of 0.1: a weight lives 1,000 steps, and 100 where momentum pulls ten times."""
    flat = {"end": 0.4, "right": 0.7}
    assert over_regularizes(watched(None, about={"weight_decay": 0.1}.items(), **flat)) is None
    found = over_regularizes(watched(None, about={"weight_decay": 0.1, "momentum": 0.9}.items(), **flat))
    assert "within 100 steps" in found.evidence
    low = {"weight_decay": 0.1, "momentum": 0.9}.items()
    assert over_regularizes(watched(None, about=low, end=0.1, right=0.97)) is None


def test_skill_is_of_the_end_or_from_the_loss():
    rows = list(curves(end=0.5, right=0.9))
    assert end_skill(History([ABOUT, *rows]), "train").value == pytest.approx((0.9 - 0.1) / 0.9, abs=0.02)
    for row in rows[5:]:
        del row["train_accuracy"]
    assert end_skill(History([ABOUT, *rows]), "train").value == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("wrong", [None, "all", True, math.nan, -1, 2.0])
def test_damaged_rows_say_nothing(wrong):
    row = asked(train_five=0.1, val_five=0.9, across_five=0.2)
    assert neighbours(History([{**row, "train_five": wrong}])) is None
    assert neighbours(History([{**row, "val_five": wrong}])).val is None
    assert neighbours(History([{**row, "of": wrong}])) is None
