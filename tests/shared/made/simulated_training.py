"""A training without a network: noisy gradient descent on a quadratic of many curvatures, measured as a real one is.

It obeys a learning rate as networks do: too high a rate bounces on a noisy floor or diverges, a cut lets the loss
fall, too low a rate crawls. Directions that only the training set has make a validation loss turn. What a detector
sees of it are rows of a history, as dense and as complete as is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Schedule = Callable[[float], float]  # share of the run in [0, 1] → factor of the rate

SHOWN = 0.1  # what a rate of 1 is called in the log


def constant(_t: float) -> float:
    return 1.0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One training. Losses are in units of the loss of a guess; rates in units where 2 is the limit of stability."""

    epochs: int = 40
    per_epoch: int = 25
    lr: float = 0.5
    schedule: Schedule = constant
    classes: int = 10  # 1 for regression
    noise: float = 1.0  # of the gradient
    spread: float = 0.3  # of the loss between batches, where 1 is as large as the loss itself
    floor: float = 0.03  # that cannot be learned
    gap: float = 0.05  # by which validation stays above training at the end
    overfit: float = 0.0  # validation loss added when the training set is learned by heart
    surer: float = 0.0  # validation loss added by growing sure of mistakes, without a change of accuracy
    harder: float = 0.0  # by which dropout or augmentation raise the training loss as measured
    ceiling: float = 0.97  # accuracy at the floor
    slowest: float = 3e-3  # least curvature
    learnable: float = 1.0  # share of the loss that the network can reach at all
    val_rows: int = 1000
    train_rows: int = 1600
    about: bool = True


@dataclass(frozen=True)
class Trace:
    """What happened, every step, and at the end of every epoch."""

    setting: Setting
    rate: np.ndarray
    loss: np.ndarray  # of the batch, every step
    clean: np.ndarray  # expected training loss, every step
    norm: np.ndarray  # of the gradient, every step
    val_loss: np.ndarray  # every epoch, as are the next
    train_accuracy: np.ndarray
    val_accuracy: np.ndarray

    @property
    def chance(self) -> float:
        return chance(self.setting)


def chance(setting: Setting) -> float:
    return math.log(setting.classes) if setting.classes > 1 else 1.0


def simulate(setting: Setting, seed: int) -> Trace:
    """Train it."""
    rng = np.random.default_rng(seed)
    steps = setting.epochs * setting.per_epoch
    curvature = np.concatenate([np.geomspace(1.0, setting.slowest, 24), np.geomspace(0.05, 0.008, 6)])
    own = np.arange(30) >= 24  # directions that only the training set has
    share = np.where(own, 0.008, 0.95 / 24) * rng.uniform(0.6, 1.4, 30)
    share *= max(setting.learnable, 1e-6) / share.sum()
    begin = np.sqrt(2 * share / curvature)
    rate = np.array([setting.lr * setting.schedule(t / max(steps - 1, 1)) for t in range(steps)])
    push = 0.05 * setting.noise * np.sqrt(curvature) * rng.standard_normal((steps, 30))
    weights = np.empty((steps + 1, 30))
    weights[0] = begin
    with np.errstate(all="ignore"):
        for t in range(steps):
            weights[t + 1] = weights[t] * (1 - rate[t] * curvature) - rate[t] * push[t]
        energy = 0.5 * curvature * weights[:-1] ** 2
        norm = np.sqrt(((curvature * weights[:-1] + push) ** 2).sum(1))
        clean = setting.floor + (1 - setting.learnable) + energy.sum(1)
        learned = np.clip(1 - clean, 0, 1)
        measured = clean + setting.harder * learned
        loss = measured * (1 + setting.spread * rng.standard_normal(steps) * 0.5)
        ends = np.arange(setting.per_epoch, steps + 1, setting.per_epoch)
        after = weights[ends]
        common = (0.5 * curvature * after**2)[:, ~own].sum(1) + (share[own].sum()) + setting.floor
        common += 1 - setting.learnable
        by_heart = np.mean((1 - after[:, own] / np.maximum(begin[own], 1e-9)) ** 2, axis=1)
        got = np.clip(1 - common, 0, 1)
        val = common + setting.gap * got + setting.overfit * by_heart + setting.surer * np.cumsum(got) / setting.epochs
        val *= 1 + rng.normal(0, 0.5 / math.sqrt(setting.val_rows))  # which rows they are
        val *= 1 + rng.normal(0, 0.15 / math.sqrt(setting.val_rows), setting.epochs)
        train_excess = np.clip(clean[ends - 1] - setting.floor + 0.5 * setting.harder, 0, 1)
        val_excess = np.clip(common - setting.floor - share[own].sum() + 0.3 * setting.overfit * by_heart, 0, 1)
    top, least = setting.ceiling, 1 / max(setting.classes, 2)
    train_accuracy = least + (min(top + 0.02, 1.0) - least) * (1 - np.nan_to_num(train_excess, nan=1.0))
    val_accuracy = least + (top - least) * (1 - np.nan_to_num(val_excess, nan=1.0))
    drawn = np.sqrt(val_accuracy * (1 - val_accuracy) / setting.val_rows)
    val_accuracy = val_accuracy + drawn * (rng.normal(0, 0.8) + 0.4 * rng.standard_normal(setting.epochs))
    val_accuracy = np.clip(np.round(val_accuracy * setting.val_rows), 0, setting.val_rows) / setting.val_rows
    unit = chance(setting)
    return Trace(
        setting,
        rate * SHOWN,
        loss * unit,
        measured * unit,
        norm,
        val * unit,
        np.clip(train_accuracy, 0, 1),
        val_accuracy,
    )


@dataclass(frozen=True, kw_only=True)
class View:
    """How much of a training is written down."""

    density: str = "both"  # "epoch", "step" or "both"
    every: int = 5  # steps to a row
    lr: bool = True
    val: bool = True
    accuracy: bool = True
    about: bool = True


FULL = View()
CURVES = View(density="epoch", lr=False, about=False)


def any_view(seed: int) -> View:
    """Some view: what a log holds is for its writer to say."""
    rng = np.random.default_rng(seed + 77)
    return View(
        density=str(rng.choice(["epoch", "epoch", "both", "step"])),
        every=int(rng.choice([1, 5, 10])),
        lr=bool(rng.random() < 0.6),
        val=bool(rng.random() < 0.8),
        accuracy=bool(rng.random() < 0.7),
        about=bool(rng.random() < 0.5),
    )


def rows(trace: Trace, view: View = FULL) -> list[dict[str, Any]]:
    """The log of a training."""
    setting, written = trace.setting, []
    epochs, per_epoch = setting.epochs, setting.per_epoch
    if view.about:
        written.append(about(setting))
    if view.density in ("step", "both"):
        ends = sorted({1, *range(view.every, epochs * per_epoch + 1, view.every)})
        for begin, end in zip([0, *ends], ends, strict=False):
            row = {"kind": "step", "step": end, "train_loss": float(trace.loss[begin:end].mean())}
            if view.lr:
                row |= {"lr": float(trace.rate[end - 1]), "grad_norm": float(trace.norm[end - 1])}
            written.append(row)
    for epoch in range(epochs):
        end = (epoch + 1) * per_epoch
        row = {"kind": "epoch", "step": end, "epoch": epoch + 1}
        if view.density in ("epoch", "both"):
            row["train_loss"] = float(trace.loss[end - per_epoch : end].mean())
            if view.accuracy and setting.classes > 1:
                row["train_accuracy"] = float(trace.train_accuracy[epoch])
            if view.lr:
                row["lr"] = float(trace.rate[end - 1])
        if view.val:
            row["val_loss"] = float(trace.val_loss[epoch])
            if view.accuracy and setting.classes > 1:
                row["val_accuracy"] = float(trace.val_accuracy[epoch])
        if len(row) > 3:
            written.append(row)
    return sorted(written, key=lambda row: row.get("step", 0))


def about(setting: Setting, **more: Any) -> dict[str, Any]:
    """What is known of the training as a whole."""
    classes = {"classes": setting.classes} if setting.classes > 1 else {}
    return {
        "kind": "about",
        "step": 0,
        "task": "classification" if setting.classes > 1 else "regression",
        **classes,
        "batch_size": setting.train_rows // setting.per_epoch,
        "train_rows": setting.train_rows,
        "val_rows": setting.val_rows,
        "steps_per_epoch": setting.per_epoch,
        "total_steps": setting.epochs * setting.per_epoch,
        **more,
    }


def changed(setting: Setting, **more: Any) -> Setting:
    """`setting` with other numbers."""
    return replace(setting, **more)
