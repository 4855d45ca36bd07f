"""What runs with planted faults taught: histories that must fire, and the nearest ones that must not."""

import math

import pytest

from ravine.diagnose.doctor import diagnose
from ravine.diagnose.symptoms.decays_too_early import decays_too_early
from ravine.diagnose.symptoms.has_dead_units import has_dead_units
from ravine.diagnose.symptoms.has_misaligned_labels import has_misaligned_labels
from ravine.diagnose.symptoms.has_noisy_labels import has_noisy_labels
from ravine.records.finding import Finding
from ravine.records.history import History

ABOUT = {"kind": "about", "step": 0, "loss": "cross_entropy", "task": "classification", "classes": 10}


def epochs(losses, right=None, **more):
    for place, loss in enumerate(losses, 1):
        accuracies = {} if right is None else {"train_accuracy": right, "val_accuracy": right}
        yield {"kind": "epoch", "step": 20 * place, "train_loss": loss, "val_loss": 1.01 * loss, **accuracies, **more}


def standing(update, weight=2.0):
    """A loss that stays at that of a guess, and layers that move by `update`."""
    losses = [math.log(10) + 0.002 * (-1) ** place for place in range(14)]
    layers = [
        {"kind": "layer", "step": step, "layer": name, "weight_norm": weight, "update_norm": update, "grad_norm": 0.1}
        for step in range(10, 280, 20)
        for name in ("0", "2")
    ]
    return History([ABOUT, *layers, *epochs(losses, 0.1)])


def test_a_loss_that_stands_while_layers_move_is_one_of_labels():
    found = has_misaligned_labels(standing(0.01))
    assert isinstance(found, Finding)
    assert found.details["update"] == pytest.approx(0.005)
    assert "has-misaligned-labels" in [one.symptom for one in diagnose(standing(0.01)).findings]


@pytest.mark.parametrize(("update", "weight"), [(1e-5, 2.0), (0.01, 0.0)])
def test_layers_that_hardly_move_or_are_all_zero_say_nothing_of_labels(update, weight):
    assert not isinstance(has_misaligned_labels(standing(update, weight)), Finding)
    diagnose(standing(update, weight))


def drawn(wrong):
    """The entropy of labels of which a share is drawn among the nine other classes."""
    return -sum(p * math.log(p) for p in [1 - wrong, *[wrong / 9] * 9])


@pytest.mark.parametrize(("level", "fires"), [(1.0, True), (0.7, False), (1.6, False)])
def test_a_loss_at_the_entropy_of_random_labels_is_held_up_by_them(level, fires):
    """Mistakes of a network fall on what is alike, and cost less; smoothed labels cost more."""
    floor = level * drawn(0.25)
    history = History([ABOUT, *epochs([floor + 1.2 * 0.5**place for place in range(20)], 0.75)])
    assert isinstance(has_noisy_labels(history), Finding) is fires


@pytest.mark.parametrize(("spent_at", "fires"), [(40, True), (240, False)])
def test_a_rate_spent_at_once_and_one_spent_at_the_end(spent_at, fires):
    steps = [
        {"kind": "step", "step": step, "lr": 0.1 if step < spent_at else 1e-4, "train_loss": 1.0 + 0.01 * (step % 7)}
        for step in range(280)
    ]
    history = History([ABOUT, *steps, *epochs([1.2] * 14, 0.5)])
    assert (decays_too_early(history) is not None) is fires


@pytest.mark.parametrize(("first", "died"), [(0.1, True), (0.9, False)])
def test_units_that_died_on_the_way_are_those_of_a_rate(first, died):
    shares = [first, 0.6, 0.9, 0.9]
    rows = [
        {"kind": "layer", "step": 20 * place, "layer": "1", "type": "ReLU", "dead": share, "weight_norm": 1.0}
        for place, share in enumerate(shares)
    ]
    found = has_dead_units(History([ABOUT, *rows]))
    assert found is not None
    assert ("died on the way" in found.evidence) is died
    assert ("learning rate" in found.advice.partition(",")[0]) is died
