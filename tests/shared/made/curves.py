"""Histories of healthy patterns, which must be met with silence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from made.simulated_training import (
    Setting,
    View,
    any_view,
    chance,
    rows,
    simulate,
)

Rows = list[dict[str, Any]]


# ---- schedules: share of the run → factor ----------------------------------------------------------------------


def warm(length: float, then: Callable[[float], float] = lambda _t: 1.0) -> Callable[[float], float]:
    return lambda t: t / length if t < length else then((t - length) / (1 - length))


def cosine(t: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * t)


def restarts(t: float) -> float:
    return cosine((t * 3) % 1.0)


def one_cycle(t: float) -> float:
    return 0.04 + 0.96 * t / 0.3 if t < 0.3 else cosine((t - 0.3) / 0.7)


def drops(*places: float, factor: float = 0.1) -> Callable[[float], float]:
    return lambda t: factor ** sum(t >= place for place in places)


def stable_then_decay(t: float) -> float:
    return 1.0 if t < 0.8 else 1.0 - 0.98 * (t - 0.8) / 0.2


def exponential(t: float) -> float:
    return math.exp(-3 * t)


def linear(t: float) -> float:
    return 1 - t


# ---- healthy ---------------------------------------------------------------------------------------------------


def draw(seed: int, **fixed: Any) -> Setting:
    """A good setting, a little different for every seed."""
    rng = np.random.default_rng(seed + 1000)
    classes = int(rng.choice([2, 3, 10, 10, 100]))
    usual: dict[str, Any] = {
        "epochs": int(rng.choice([25, 40, 60, 100])),
        "per_epoch": int(rng.choice([20, 25, 50])),
        "lr": float(rng.uniform(0.35, 0.8)),
        "noise": float(rng.uniform(0.5, 1.5)),
        "spread": float(rng.uniform(0.15, 0.6)),
        "floor": float(rng.uniform(0.0, 0.08)),
        "gap": float(rng.uniform(0.0, 0.15)),
        "overfit": float(rng.uniform(0.0, 0.03)),
        "ceiling": float(rng.uniform(0.85, 0.98)),
        "classes": classes,
        "val_rows": int(rng.choice([300, 1000, 5000])),
    }
    usual |= fixed
    # long enough for the slowest direction
    steps = usual["epochs"] * usual["per_epoch"]
    usual.setdefault("slowest", 4.0 / (usual["lr"] * steps * 0.6))
    return Setting(**usual)


def plain(seed: int, **fixed: Any) -> Rows:
    return rows(simulate(draw(seed, **fixed), seed), any_view(seed))


def warmup_bump(seed: int) -> Rows:
    """The loss rises while the rate does, for a few percent of the run, and then falls."""
    setting = draw(seed, schedule=warm(0.06, cosine))
    trace = simulate(setting, seed)
    place = np.arange(len(trace.loss)) / len(trace.loss)
    bump = 0.35 * chance(setting) * np.exp(-(((place - 0.04) / 0.012) ** 2))
    trace.loss[:] = trace.loss + bump
    return rows(trace, any_view(seed))


def small_validation(seed: int) -> Rows:
    return plain(seed, val_rows=150)


def with_dropout(seed: int) -> Rows:
    return plain(seed, harder=float(np.random.default_rng(seed).uniform(0.08, 0.3)), gap=0.0, overfit=0.0)


def label_smoothing(seed: int) -> Rows:
    return plain(seed, floor=0.25, ceiling=0.97)


def irreducible(seed: int) -> Rows:
    return plain(seed, classes=1, floor=0.5, noise=1.2, spread=0.8)


def easy(seed: int) -> Rows:
    return plain(seed, ceiling=0.995, floor=0.0, gap=0.01, overfit=0.01)


def converged_early(seed: int) -> Rows:
    return plain(seed, epochs=100, slowest=0.05, overfit=0.0)


def growing_surer(seed: int) -> Rows:
    """Validation loss rises while accuracy still rises."""
    setting = draw(seed, classes=10, val_rows=5000, epochs=60, per_epoch=25)
    setting = Setting(**{**fields_of(setting), "surer": 0.25, "ceiling": 0.94, "overfit": 0.0})
    trace = simulate(setting, seed)
    late = np.linspace(0, 0.04, setting.epochs)
    trace.val_accuracy[:] = np.clip(trace.val_accuracy - 0.04 + late, 0, 1)
    return rows(trace, View(density="epoch", lr=seed % 2 == 0))


def grokking(seed: int) -> Rows:
    """Training is perfect early; validation stands at chance, gets worse, and falls late."""
    rng = np.random.default_rng(seed)
    epochs, wakes = 100, rng.uniform(0.5, 0.75)
    t = np.arange(epochs) / epochs
    late = 1 / (1 + np.exp(-(t - wakes) * 40))
    train = 2.3 * np.exp(-t * 40) + 0.01 + 0.003 * rng.random(epochs)
    val = (
        (2.3 + 2.5 * np.minimum(t / 0.3, 1)) * (1 - late)
        + 0.08 * late
        + 0.05 * rng.standard_normal(epochs) * (1 - late)
    )
    accuracy = 0.1 + 0.88 * late + 0.01 * rng.standard_normal(epochs)
    return by_epoch(train=train, val=val, accuracy=accuracy, per_epoch=20)


def double_descent(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    epochs = 100
    t = np.arange(epochs) / epochs
    val = 0.5 + 1.8 * np.exp(-t * 20) + 0.5 * np.exp(-(((t - 0.35) / 0.12) ** 2)) - 0.12 * t
    val += 0.01 * rng.standard_normal(epochs)
    train = 0.02 + 2.2 * np.exp(-t * 9) + 0.005 * rng.standard_normal(epochs)
    return by_epoch(train=train, val=val, per_epoch=20)


def edge_of_stability(seed: int) -> Rows:
    """Full batch: a loss that is not monotone from step to step, and falls over many."""
    rng = np.random.default_rng(seed)
    steps = 400
    t = np.arange(steps) / steps
    ripple = np.where(t > 0.25, 0.12 * np.abs(np.sin(np.arange(steps) * 1.9)) * (0.6 + 0.4 * rng.random(steps)), 0)
    loss = 2.3 * np.exp(-5 * t) * (1 + ripple) + 0.03
    return [{"kind": "step", "step": s + 1, "train_loss": float(loss[s]), "lr": 0.1} for s in range(steps)]


def resumed(seed: int) -> Rows:
    """The second half of a run, with a little of the first written twice."""
    log = plain(seed)
    last = max(row["step"] for row in log)
    return [row for row in log if row["step"] > 0.4 * last] + [{"kind": "about", "step": 0, "resumed": True}]


def adversaries(seed: int) -> Rows:
    """Two losses of a GAN: they oscillate and drift."""
    rng = np.random.default_rng(seed)
    epochs = 80
    walk = np.cumsum(rng.normal(0, 0.05, epochs))
    loss = 1.4 + 0.25 * np.sin(np.arange(epochs) / 4) + 0.1 * rng.standard_normal(epochs) + np.abs(walk)
    return by_epoch(train=loss, generator_loss=loss * 0.7 + 0.2, discriminator_loss=1.4 - 0.1 * rng.random(epochs))


def rewards(seed: int) -> Rows:
    """A policy's loss hovers around zero, a value's loss grows as rewards do."""
    rng = np.random.default_rng(seed)
    epochs = 100
    reward = np.cumsum(np.abs(rng.normal(0.5, 0.3, epochs)))
    loss = rng.normal(0, 0.05, epochs) + 0.02 * reward * rng.random(epochs)
    return by_epoch(train=loss, value_loss=0.1 + 0.05 * reward, reward=reward)


def negative(seed: int) -> Rows:
    """A log-likelihood of densities: it falls below zero."""
    rng = np.random.default_rng(seed)
    epochs = 60
    t = np.arange(epochs) / epochs
    train = -3 + 4 * np.exp(-6 * t) + 0.02 * rng.standard_normal(epochs)
    val = -2.9 + 4 * np.exp(-6 * t) + 0.03 * rng.standard_normal(epochs)
    return by_epoch(train=train, val=val)


def placeholders(seed: int) -> Rows:
    """Validation every third epoch; zeros stand in between."""
    log = plain(seed)
    return [
        {**row, **{key: 0.0 for key in row if key.startswith("val_")}} if row.get("epoch", 0) % 3 else row
        for row in log
    ]


def gaps(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    return [row for row in plain(seed) if row["kind"] == "about" or rng.random() > 0.3]


def clipped(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    return [{**row, "clipped": float(rng.uniform(0.1, 0.3))} if "train_loss" in row else row for row in plain(seed)]


def thawed(seed: int) -> Rows:
    """A head first, then the whole network at a lower rate: a second fall in the middle."""
    rng = np.random.default_rng(seed)
    epochs = 30
    t = np.arange(epochs)
    curve = np.where(t < 10, 0.5 + 1.4 * np.exp(-t / 2), 0.12 + 0.38 * np.exp(-(t - 10) / 4))
    train = curve * (1 + 0.02 * rng.standard_normal(epochs))
    val = (curve + 0.05) * (1 + 0.02 * rng.standard_normal(epochs))
    return by_epoch(train=train, val=val, lr=np.where(t < 10, 1e-3, 1e-4))


def short(seed: int) -> Rows:
    """A fine-tuning of three to six epochs from a good start."""
    epochs = 3 + seed % 4
    return plain(seed, epochs=epochs, per_epoch=50, schedule=warm(0.1, linear), slowest=0.05)


def language_model(seed: int) -> Rows:
    """A power law, one pass over the data, still falling when the budget ends, with a cosine behind a warmup."""
    rng = np.random.default_rng(seed)
    steps = 1000
    t = np.arange(1, steps + 1)
    schedule = warm(0.05, lambda s: 0.1 + 0.9 * cosine(s))
    law = 3.0 + (10.8 - 3.0) * (1 + t / 20) ** -0.6
    loss = law + 0.06 * rng.standard_normal(steps)
    written = [
        {"kind": "step", "step": int(s), "train_loss": float(loss[s - 1]), "lr": 3e-4 * schedule((s - 1) / steps)}
        for s in t[9::10]
    ]
    written += [
        {"kind": "epoch", "step": int(s), "val_loss": float(law[s - 1] + 0.05 + 0.01 * rng.standard_normal())}
        for s in t[99::100]
    ]
    return sorted(written, key=lambda row: row["step"])


def stopped_early(seed: int) -> Rows:
    """Early stopping: a tenth of the run beyond the best epoch, slightly worse."""
    return plain(seed, overfit=0.05, gap=0.1)


HEALTHY: dict[str, Callable[[int], Rows]] = {
    "plain": plain,
    "warmup-bump": warmup_bump,
    "cosine": lambda seed: plain(seed, schedule=warm(0.05, cosine)),
    "restarts": lambda seed: plain(seed, schedule=restarts),
    "one-cycle": lambda seed: plain(seed, schedule=one_cycle),
    "step-drop": lambda seed: plain(seed, schedule=drops(0.6, 0.85)),
    "warmup-stable-decay": lambda seed: plain(seed, schedule=warm(0.03, stable_then_decay)),
    "exponential": lambda seed: plain(seed, schedule=exponential),
    "linear": lambda seed: plain(seed, schedule=warm(0.1, linear)),
    "label-smoothing": label_smoothing,
    "dropout": with_dropout,
    "small-validation": small_validation,
    "irreducible": irreducible,
    "converged-early": converged_early,
    "easy": easy,
    "growing-surer": growing_surer,
    "grokking": grokking,
    "double-descent": double_descent,
    "edge-of-stability": edge_of_stability,
    "resumed": resumed,
    "adversaries": adversaries,
    "rewards": rewards,
    "negative": negative,
    "placeholders": placeholders,
    "gaps": gaps,
    "clipped": clipped,
    "thawed": thawed,
    "short": short,
    "language-model": language_model,
    "stopped-early": stopped_early,
}


# ---- pieces ----------------------------------------------------------------------------------------------------


def fields_of(setting: Setting) -> dict[str, Any]:
    return {name: getattr(setting, name) for name in setting.__dataclass_fields__}


def by_epoch(
    train: np.ndarray,
    val: np.ndarray | None = None,
    accuracy: np.ndarray | None = None,
    per_epoch: int = 25,
    known: dict[str, Any] | None = None,
    **more: np.ndarray | None,
) -> Rows:
    written = [known] if known else []
    for place, value in enumerate(train):
        row = {"kind": "epoch", "step": (place + 1) * per_epoch, "epoch": place + 1, "train_loss": float(value)}
        if val is not None:
            row["val_loss"] = float(val[place])
        if accuracy is not None:
            row["val_accuracy"] = float(np.clip(accuracy[place], 0, 1))
        row |= {name: float(values[place]) for name, values in more.items() if values is not None}
        written.append(row)
    return written


__all__ = ["HEALTHY", "Rows", "by_epoch", "draw", "fields_of"]
