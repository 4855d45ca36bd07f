"""Histories of faulty trainings, whose cause is known, at three strengths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from made.curves import Rows, by_epoch, cosine, draw, drops
from made.simulated_training import (
    Setting,
    View,
    about,
    chance,
    rows,
    simulate,
)

STRENGTHS = ("mild", "medium", "gross")


@dataclass(frozen=True)
class Fault:
    """One fault of simulated trainings.

    Attributes:
        make: Seed, strength (0, 1 or 2) and view → rows.
        names: Symptoms that rightly name it.
        curves_tell: Whether curves alone can show it.
    """

    make: Callable[[int, int, View], Rows]
    names: tuple[str, ...]
    curves_tell: bool = True


def _with(**changes: tuple[Any, Any, Any]) -> Callable[[int, int, View], Rows]:
    """A good setting in which some numbers are wrong, by strength."""

    def make(seed: int, strength: int, view: View) -> Rows:
        fixed = {key: values[strength] for key, values in changes.items()}
        return rows(simulate(_good(seed, **fixed), seed), view)

    return make


def _good(seed: int, **fixed: Any) -> Setting:
    usual = {"epochs": 40, "per_epoch": 25, "classes": 10, "val_rows": 1000, "slowest": 0.01}
    return draw(seed, **{**usual, **fixed})


def _spiked(seed: int, strength: int, view: View) -> Rows:
    """No warmup: the loss jumps in the first steps and takes long to come back."""
    setting = _good(seed, schedule=cosine)
    trace = simulate(setting, seed)
    place = np.arange(len(trace.loss)) / len(trace.loss)
    height, length = (3.0, 10.0, 100.0)[strength], (0.02, 0.03, 0.05)[strength]
    spike = height * chance(setting) * np.clip((place - 0.005) / 0.01, 0, 1) * np.exp(-place / length)
    trace.loss[:] = trace.loss + spike
    return rows(trace, view)


def _late(seed: int, strength: int, view: View) -> Rows:
    """A plateau at the start, for a share of the run, then an ordinary fall."""
    setting = _good(seed)
    trace = simulate(setting, seed)
    share = (0.25, 0.4, 0.6)[strength]
    wait = int(share * len(trace.loss))
    rng = np.random.default_rng(seed)
    flat = chance(setting) * (1 + 0.5 * setting.spread * rng.standard_normal(wait) * 0.3)
    trace.loss[:] = np.concatenate([flat, trace.loss[: len(trace.loss) - wait]])
    epochs = int(share * setting.epochs)
    trace.val_loss[:] = np.concatenate([np.full(epochs, chance(setting)), trace.val_loss[: setting.epochs - epochs]])
    trace.val_accuracy[:] = np.concatenate([np.full(epochs, 0.1), trace.val_accuracy[: setting.epochs - epochs]])
    trace.train_accuracy[:] = np.concatenate([np.full(epochs, 0.1), trace.train_accuracy[: setting.epochs - epochs]])
    return rows(trace, view)


def _stuck(seed: int, strength: int, view: View) -> Rows:
    """The loss never leaves chance, or leaves it by next to nothing."""
    learnable = (0.03, 0.01, 0.0)[strength]
    setting = _good(seed, learnable=learnable, floor=0.0, gap=0.0, overfit=0.0, noise=0.2, spread=0.15)
    return rows(simulate(setting, seed), view)


def _permuted(seed: int, strength: int, view: View) -> Rows:
    """Labels permuted: what is learned is learned by heart, and validation never beats a guess."""
    learned = (0.15, 0.4, 0.9)[strength]
    rng = np.random.default_rng(seed)
    epochs, per_epoch = 40, 25
    t = np.arange(epochs) / epochs
    unit = math.log(10)
    train = unit * (1 - learned * t ** (1.2)) * (1 + 0.01 * rng.standard_normal(epochs))
    val = unit * (1 + learned * t * 0.9) * (1 + 0.01 * rng.standard_normal(epochs))
    accuracy = 0.1 + 0.012 * rng.standard_normal(epochs)
    known = about(Setting(epochs=epochs, per_epoch=per_epoch)) if view.about else None
    return by_epoch(
        train=train,
        val=val if view.val else None,
        accuracy=accuracy if view.accuracy and view.val else None,
        train_accuracy=0.1 + 0.85 * learned * t**1.2,
        per_epoch=per_epoch,
        lr=np.full(epochs, 0.01) if view.lr else None,
        known=known,
    )


def _noisy_labels(seed: int, strength: int, view: View) -> Rows:
    """Some training labels are wrong: learned last, by heart, at the cost of a clean validation set."""
    share = (0.15, 0.3, 0.5)[strength]
    rng = np.random.default_rng(seed)
    epochs, per_epoch = 60, 25
    t = np.arange(epochs) / epochs
    early = 1 - np.exp(-t * 25)
    heart = np.clip((t - 0.15) / 0.75, 0, 1)
    train = math.log(10) * (1 - early * (1 - share * 0.9)) * (1 - 0.9 * heart) + 0.02
    val = math.log(10) * ((1 - early) + 0.2 * early + share * 1.2 * heart)
    accuracy = 0.1 + early * 0.84 - share * 0.7 * heart
    right = (1 - share) * (0.1 + early * 0.84)
    return by_epoch(
        train=train * (1 + 0.02 * rng.standard_normal(epochs)),
        val=val * (1 + 0.015 * rng.standard_normal(epochs)),
        accuracy=accuracy + 0.006 * rng.standard_normal(epochs),
        train_accuracy=right + (0.99 - right) * heart + 0.004 * rng.standard_normal(epochs),
        per_epoch=per_epoch,
        lr=np.full(epochs, 1e-3) if view.lr else None,
        known=about(Setting(epochs=epochs, per_epoch=per_epoch)) if view.about else None,
    )


def _majority(seed: int, strength: int, view: View) -> Rows:
    """Only the largest class is ever predicted, for some or all of the run."""
    share = (0.8, 0.9, 0.98)[strength]
    rng = np.random.default_rng(seed)
    epochs, per_epoch, val_rows = 30, 25, 500
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    t = np.arange(epochs)
    curve = entropy + (math.log(2) - entropy) * np.exp(-t / 2)
    setting = Setting(epochs=epochs, per_epoch=per_epoch, classes=2, val_rows=val_rows)
    log = by_epoch(
        train=curve * (1 + 0.01 * rng.standard_normal(epochs)),
        val=curve * (1 + 0.01 * rng.standard_normal(epochs)),
        accuracy=np.full(epochs, round(share * val_rows) / val_rows),
        per_epoch=per_epoch,
        known=about(setting) if view.about else None,
    )
    if view.about:
        counts = [round(share * 64), 64 - round(share * 64)]
        log += [
            {"kind": "input", "step": s, "part": "train", "rows": 64, "label_counts": counts} for s in (1, 5, 9, 13)
        ]
    return log


def _few_validation_rows(seed: int, strength: int, view: View) -> Rows:
    count = (40, 25, 10)[strength]
    return rows(simulate(_good(seed, val_rows=count, ceiling=0.88), seed), view)


def _augmented(seed: int, strength: int, view: View) -> Rows:
    """Training rows are changed so much that neither they nor the validation rows are learned well."""
    lost = (0.55, 0.7, 0.85)[strength]
    setting = _good(seed, learnable=1 - lost, harder=0.0, gap=0.0, overfit=0.0, ceiling=0.95)
    trace = simulate(setting, seed)
    easier = 0.7
    known = chance(setting)
    trace.val_loss[:] = known - (known - trace.val_loss) * (1 + 0.0)
    trace.val_loss[:] *= easier + 0.3 * np.exp(-np.arange(setting.epochs) / 3)
    return rows(trace, view)


def _first_loss(seed: int, strength: int, view: View) -> Rows:
    """Outputs far too sure before anything is learned."""
    setting = _good(seed)
    trace = simulate(setting, seed)
    factor = (3.0, 8.0, 40.0)[strength]
    place = np.arange(len(trace.loss))
    trace.loss[:] = trace.loss * (1 + (factor - 1) * np.exp(-place / 40))
    return rows(trace, view)


def _decayed_by_weight(seed: int, strength: int, view: View) -> Rows:
    learnable = (0.3, 0.15, 0.05)[strength]
    setting = _good(seed, learnable=learnable, gap=0.0, overfit=0.0)
    log = rows(simulate(setting, seed), view)
    return [{"kind": "about", "step": 0, "weight_decay": (0.5, 2.0, 10.0)[strength]}, *log]


def _cut_short(seed: int, strength: int, view: View) -> Rows:
    """The loss is still on its way down, at a good pace, when the run ends."""
    per_epoch = (9, 4, 2)[strength]
    return rows(simulate(_good(seed, epochs=12, per_epoch=per_epoch, lr=0.2, noise=0.5, spread=0.1), seed), view)


def _whole_set(seed: int, strength: int, view: View) -> Rows:
    """A batch of a large part of the training set: next to no steps."""
    steps = (4, 2, 1)[strength]
    return rows(simulate(_good(seed, epochs=20, per_epoch=steps, noise=0.1, spread=0.1), seed), view)


def _chosen_on_test(seed: int, strength: int, view: View) -> Rows:
    log = rows(simulate(_good(seed), seed), view)
    return [
        {
            key.replace("val_", "test_") if key.startswith("val_") and key != "val_rows" else key: value
            for key, value in row.items()
        }
        for row in log
    ]


FAULTS: dict[str, Fault] = {
    "diverges": Fault(_with(lr=(2.02, 2.06, 2.3)), ("diverges",)),
    "bounces": Fault(
        _with(lr=(1.9, 1.96, 1.985), noise=(3.0, 4.0, 5.0), schedule=(drops(0.8, factor=0.03),) * 3),
        ("bounces", "decays-too-late"),
    ),
    "crawls": Fault(
        _with(lr=(0.005, 0.001, 0.0001), noise=(0.3,) * 3, spread=(0.2,) * 3), ("crawls", "stalls", "stops-too-early")
    ),
    "decays-too-early": Fault(
        _with(schedule=(drops(0.08, factor=0.02), drops(0.05, factor=0.01), drops(0.03, factor=0.005))),
        ("decays-too-early",),
        curves_tell=False,
    ),
    "decays-too-late": Fault(
        _with(
            lr=(1.85, 1.92, 1.95),
            noise=(3.0, 4.0, 5.0),
            slowest=(0.05,) * 3,
            schedule=(drops(0.93, factor=0.02), drops(0.95, factor=0.01), drops(0.97, factor=0.01)),
        ),
        ("decays-too-late", "bounces"),
        curves_tell=False,
    ),
    "starts-too-hot": Fault(_spiked, ("starts-too-hot", "starts-off"), curves_tell=False),
    "stalls": Fault(_stuck, ("stalls", "crawls", "has-misaligned-labels")),
    "starts-off": Fault(_first_loss, ("starts-off", "starts-too-hot"), curves_tell=False),
    "wakes-late": Fault(_late, ("wakes-late",)),
    "has-noisy-labels": Fault(_noisy_labels, ("has-noisy-labels", "overfits")),
    "has-misaligned-labels": Fault(_permuted, ("has-misaligned-labels", "memorizes")),
    "is-imbalanced": Fault(_majority, ("is-imbalanced",)),
    "validates-on-too-little": Fault(_few_validation_rows, ("validates-on-too-little",)),
    "augments-too-hard": Fault(_augmented, ("augments-too-hard", "underfits"), curves_tell=False),
    "overfits": Fault(_with(overfit=(0.25, 0.5, 1.5)), ("overfits", "memorizes")),
    "underfits": Fault(_with(learnable=(0.35, 0.25, 0.15), gap=(0.0,) * 3), ("underfits",), curves_tell=False),
    "over-regularizes": Fault(_decayed_by_weight, ("over-regularizes",), curves_tell=False),
    "memorizes": Fault(_with(overfit=(0.7, 1.2, 2.5), gap=(0.6, 0.8, 1.0)), ("memorizes", "overfits")),
    "stops-too-early": Fault(_cut_short, ("stops-too-early", "batch-too-large")),
    "runs-too-long": Fault(
        _with(overfit=(0.25, 0.5, 1.0), epochs=(100,) * 3), ("runs-too-long", "overfits", "memorizes")
    ),
    "batch-too-large": Fault(_whole_set, ("batch-too-large", "stops-too-early"), curves_tell=False),
    "selects-on-test": Fault(_chosen_on_test, ("selects-on-test",)),
}
