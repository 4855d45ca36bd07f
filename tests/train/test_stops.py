"""Why a training ends: on simulated curves, and in real runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ravine import Trainer
from ravine.core.errors import BadValue
from ravine.train.gains import FEWEST, chance_of_gain
from ravine.train.stopping import BestKeeper
from ravine.train.stops import Stops

Data = tuple[Tensor, Tensor]
Curve = Callable[[int], float]


def stopped(curve: Curve, noise: float, total: int, seed: int, **choices: Any) -> int:
    """The epoch at which a noisy curve is given up; `total` when it never is."""
    generator = np.random.default_rng(seed)
    stops = Stops(improbable=True, **choices)
    for epoch in range(1, total + 1):
        value = curve(epoch) + noise * float(generator.standard_normal())
        if stops.look("val_loss", value, train_loss=1.0, val_loss=None, epochs_left=total - epoch):
            return epoch
    return total


@pytest.mark.parametrize(
    ("curve", "noise", "earliest", "latest", "lost"),
    [
        pytest.param(lambda t: 0.1 + math.exp(-t / 10), 0.01, 25, 70, 4.0, id="levels off"),
        pytest.param(lambda t: 0.1 + math.exp(-t / 30), 0.01, 80, 100, 2.0, id="falls to the end"),
        pytest.param(lambda t: 2 - 0.01 * t, 0.02, 90, 100, 6.0, id="falls in a line"),
        pytest.param(lambda t: 0.3 + math.exp(-t / 6) + 0.004 * t, 0.01, FEWEST, 50, 3.0, id="overfits"),
        pytest.param(lambda t: 1.0, 0.05, FEWEST, 50, 0.0, id="constant"),
        pytest.param(lambda t: 1.0 + 0.01 * t, 0.05, FEWEST, 40, 0.0, id="rises"),
        pytest.param(lambda t: -3 + math.exp(-t / 10), 0.01, 25, 70, 4.0, id="negative"),
    ],
)
def test_a_curve_is_given_up_when_it_gains_no_more(
    curve: Curve, noise: float, earliest: int, latest: int, lost: float
) -> None:
    """What is lost by stopping, in standard deviations of the noise, is too little to be seen in one epoch."""
    best = min(map(curve, range(1, 101)))
    for seed in range(3):
        at = stopped(curve, noise, 100, seed)
        assert earliest <= at <= latest
        assert (min(map(curve, range(1, at + 1))) - best) / noise <= lost


def test_the_chance_of_a_gain_knows_what_is_left_and_what_counts() -> None:
    rng = np.random.default_rng(0)
    values = [0.1 + math.exp(-t / 20) + 0.01 * rng.standard_normal() for t in range(1, 31)]
    assert chance_of_gain(values, 30) > 0.9
    assert chance_of_gain(values, 0) == 0.0
    assert chance_of_gain(values, 30, least=0.5) < 0.05  # there are 0.22 to gain
    assert chance_of_gain(values[: FEWEST - 1], 30) == 1.0
    assert chance_of_gain([1.0] * 30, 30) == 0.0
    assert chance_of_gain(values, 30) == chance_of_gain(values, 30)
    with_gaps = [math.nan if t % 5 == 3 else value for t, value in enumerate(values)]
    spiked = [50.0 if t == 20 else value for t, value in enumerate(values)]
    for disturbed in (with_gaps, spiked):
        assert chance_of_gain(disturbed, 30) > 0.9


def test_a_rising_metric_is_a_falling_one_mirrored() -> None:
    mirrored = []
    for sign in (1, -1):
        stops = Stops(improbable=True, higher_is_better=sign < 0)
        rng = np.random.default_rng(3)
        for epoch in range(1, 101):
            value = sign * (0.1 + math.exp(-epoch / 10) + 0.01 * float(rng.standard_normal()))
            if stops.look("it", value, train_loss=1.0, val_loss=None, epochs_left=100 - epoch):
                break
        mirrored.append(epoch)
    assert mirrored[0] == mirrored[1]


def test_as_long_as_the_loss_may_gain_it_goes_on() -> None:
    rng = np.random.default_rng(1)

    def epochs(losses: bool) -> int:
        stops = Stops(improbable=True, higher_is_better=True)
        for epoch in range(1, 61):
            loss = 2 - 0.02 * epoch + 0.005 * float(rng.standard_normal())
            accuracy = 0.9 + 0.01 * float(rng.standard_normal())
            if stops.look(
                "val_accuracy", accuracy, train_loss=1.0, val_loss=loss if losses else None, epochs_left=60 - epoch
            ):
                return epoch
        return 60

    assert epochs(losses=False) < 40
    assert epochs(losses=True) > 50


def test_improbable_goes_on_from_its_state() -> None:
    rng = np.random.default_rng(0)
    values = [0.1 + math.exp(-t / 5) + 0.01 * float(rng.standard_normal()) for t in range(1, 60)]

    def walk(resume_at: int | None) -> int:
        stops = Stops(improbable=True, target=-1.0, diverged=5.0)
        for epoch, value in enumerate(values, start=1):
            if epoch == resume_at:
                kept = stops.state_dict()
                stops = Stops(improbable=True, target=-1.0, diverged=5.0)
                stops.load_state_dict(kept)
            if stops.look("val_loss", value, train_loss=value, val_loss=None, epochs_left=60 - epoch):
                return epoch
        return 60

    end = walk(None)
    assert FEWEST < end < 50
    assert [walk(at) for at in (2, end - 2, end - 1, end)] == [end] * 4


@pytest.mark.parametrize(
    ("values", "higher", "end"),
    [([3, 2, 1.5, 1.0], False, 3), ([0.5, 0.6, 0.9], True, None), ([math.nan, 1.0], False, 2)],
)
def test_a_target_ends_it(values: list[float], higher: bool, end: int | None) -> None:
    stops = Stops(target=1.5 if not higher else 0.95, higher_is_better=higher)
    told = [stops.look("it", value, train_loss=1.0, val_loss=None, epochs_left=9) for value in values]
    assert next((place for place, words in enumerate(told, start=1) if words), None) == end


@pytest.mark.parametrize(
    ("losses", "ends"),
    [([1.0, 0.5, 2.9, 3.1], [False, False, False, True]), ([-1.0, -2.0, 0.9, 1.1], [False, False, False, True])],
)
def test_divergence_ends_it(losses: list[float], ends: list[bool]) -> None:
    stops = Stops(diverged=3.0)
    told = [stops.look("it", 1.0, train_loss=loss, val_loss=None, epochs_left=9) for loss in losses]
    assert [bool(words) for words in told] == ends


def test_a_minimum_gain_is_asked_of_patience_alone() -> None:
    keeper = BestKeeper(higher_is_better=True, patience=3, min_delta=0.05)
    values = [0.50, 0.52, 0.54, 0.549]
    kept = [keeper.look(value, epoch, loss=1.0 / epoch) for epoch, value in enumerate(values, start=1)]
    assert kept == [True] * 4  # the best is kept, however little better
    assert keeper.spent
    keeper.look(0.56, 5)
    assert not keeper.spent  # 0.06 above the value that last renewed it


def test_a_relative_minimum_gain_is_asked_of_the_loss_too() -> None:
    slow = BestKeeper(higher_is_better=False, patience=4, min_delta=0.1, relative=True)
    fast = BestKeeper(higher_is_better=False, patience=4, min_delta=0.1, relative=True)
    for epoch in range(1, 7):
        slow.look(1.0, epoch, loss=2 * 0.99**epoch)
        fast.look(1.0, epoch, loss=2 * 0.85**epoch)
    assert slow.spent
    assert not fast.spent


def test_a_keeper_goes_on_from_its_state() -> None:
    one = BestKeeper(higher_is_better=False, patience=3, min_delta=0.1)
    values = [1.0, 0.95, 0.85, 0.9, 0.8, 0.79]
    two = BestKeeper(higher_is_better=False, patience=3, min_delta=0.1)
    for epoch, value in enumerate(values):
        one.look(value, epoch)
        two.look(value, epoch)
        kept = two.state_dict()
        two = BestKeeper(higher_is_better=False, patience=3, min_delta=0.1)
        two.load_state_dict(kept)
        assert (one.epochs_since, one.best, one.spent) == (two.epochs_since, two.best, two.spent)


# ---- real runs --------------------------------------------------------------------------------------


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def split(digits: Data) -> tuple[Data, Data]:
    x, y = digits
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"target_value": 0.9}, r"the target: val_accuracy 0\.9\d* reached 0\.9"),
        ({"stop": "improbable", "schedule": "constant"}, "a further gain is improbable: .* that val_accuracy betters"),
        ({"patience": 2, "min_delta": 0.2}, r"patience: neither val_accuracy nor val_loss did better by 0\.2 for 2"),
        ({"diverged": 1.5, "lr": 30.0, "optimizer": "sgd", "clip_norm": "none"}, "divergence: the training loss"),
    ],
)
def test_a_real_run_ends_and_keeps_its_best(digits: Data, choices: dict[str, Any], words: str) -> None:
    train, held = split(digits)
    given = {"lr": 0.005, "patience": "none", "warmup": "0", **choices}
    trainer = Trainer(net(), epochs=60, batch_size=128, plan="safe", threads=1, **given)
    outcome = trainer.fit(train, held)
    assert outcome.epochs < 60
    assert re.search(words, outcome.stopped_by), outcome.stopped_by
    accuracy = float((trainer.model.eval()(held[0]).argmax(1) == held[1]).double().mean())
    assert accuracy == pytest.approx(outcome.best)
    seen = [row["val_accuracy"] for row in trainer.rows]
    assert max(seen) - accuracy <= math.sqrt(accuracy * (1 - accuracy) / len(held[1])) + 1e-9


def test_resumed_in_the_midst_of_doubt(tmp_path: Path, digits: Data) -> None:
    """The chance is asked with what earlier parts of the run had seen."""
    train, held = split(digits)

    def trainer(folder: Path | None, resume: bool = False) -> Trainer:
        return Trainer(
            net(), epochs=60, batch_size=256, lr=0.01, schedule="constant", warmup="0", stop="improbable",
            plan="safe", threads=1, run_dir=folder, resume=resume,
        )  # fmt: skip

    def stop(trainer: Trainer) -> None:
        if trainer.step == end * 5 - 7:
            import signal

            trainer.interrupt.asked = signal.SIGINT

    whole = trainer(None).fit(train, held)
    end = whole.epochs
    assert trainer(tmp_path).on("step", stop).fit(train, held).interrupted
    again = trainer(tmp_path, resume=True).fit(train, held)
    assert (again.epochs, again.stopped_by, again.best) == (end, whole.stopped_by, whole.best)


@pytest.mark.parametrize("choices", [{"patience": 3}, {"stop": "improbable"}, {"target_value": 0.5}])
def test_without_a_validation_set_it_is_refused(digits: Data, choices: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=r"needs a validation set, and there is none.*watch='train_loss'"):
        Trainer(net(), epochs=1, plan="safe", **choices).fit(digits)
    outcome = Trainer(net(), epochs=1, plan="safe", watch="train_loss", **choices).fit(digits)
    assert outcome.watched == "train_loss"
