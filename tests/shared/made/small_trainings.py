"""Real trainings of a second or less, in numpy: a multilayer perceptron on data that scikit-learn ships with."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training."""

    data: str = "digits"  # "cancer" and "diabetes" beside it
    optimizer: str = "sgd"  # or "adam"
    lr: float = 0.1
    schedule: str = "constant"
    hidden: tuple[int, ...] = (64,)
    epochs: int = 30
    batch: int = 50
    rows: int | None = 1000  # of training, at most; None for all
    val_rows: int = 400
    weight_decay: float = 0.0
    dropout: float = 0.0
    jitter: float = 0.0  # deviation of noise added to the inputs of training, anew each time
    wrong_labels: float = 0.0  # share of training rows with another label
    permuted: bool = False
    gain: float = 1.0  # of the first weights
    seed: int = 0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _t: 1.0,
    "cosine": lambda t: 0.5 + 0.5 * math.cos(math.pi * t),
    "warm-cosine": lambda t: t / 0.1 if t < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (t - 0.1) / 0.9),
    "drop": lambda t: 1.0 if t < 0.6 else 0.1,
    "linear": lambda t: 1.0 - t,
    "restarts": lambda t: 0.5 + 0.5 * math.cos(math.pi * ((3 * t) % 1.0)),
    "one-cycle": lambda t: 0.04 + 0.96 * t / 0.3 if t < 0.3 else 0.5 + 0.5 * math.cos(math.pi * (t - 0.3) / 0.7),
    "cut-at-once": lambda t: 1.0 if t < 0.04 else 0.003,
    "cut-last": lambda t: 1.0 if t < 0.95 else 0.02,
}


@functools.cache
def _loaded(name: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

    x, y = {"digits": load_digits, "cancer": load_breast_cancer, "diabetes": load_diabetes}[name](return_X_y=True)
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    y = (y - y.mean()) / y.std() if name == "diabetes" else y
    order = np.random.default_rng(0).permutation(len(x))
    return x[order], y[order]


@functools.cache
def train(recipe: Recipe) -> tuple[dict[str, Any], ...]:
    """Train, and give what a log would hold: every fifth step, every epoch, and what is known."""
    with np.errstate(all="ignore"):
        return tuple(_train(recipe))


def _train(recipe: Recipe) -> Rows:
    rng = np.random.default_rng(recipe.seed)
    x, y = _loaded(recipe.data)
    val_rows = min(recipe.val_rows, len(x) // 4)
    x_val, y_val, x, y = x[:val_rows], y[:val_rows], x[val_rows:], y[val_rows:].copy()
    x, y = x[: recipe.rows], y[: recipe.rows]
    regression = recipe.data == "diabetes"
    classes = 1 if regression else int(max(y.max(), y_val.max())) + 1
    if recipe.permuted:
        y = rng.permutation(y)
    wrong = rng.random(len(y)) < recipe.wrong_labels
    if wrong.any():
        y[wrong] = (y[wrong] + rng.integers(1, classes, wrong.sum())) % classes
    net = _Net((x.shape[1], *recipe.hidden, classes), recipe.gain, rng, regression)
    per_epoch = -(-len(x) // recipe.batch)
    total = per_epoch * recipe.epochs
    shape = SCHEDULES[recipe.schedule]
    known = {"classes": classes, "loss": "cross_entropy"} if not regression else {"loss": "mse_loss"}
    rows: Rows = [
        {
            "kind": "about", "step": 0, "task": "regression" if regression else "classification", **known,
            "batch_size": recipe.batch, "train_rows": len(x), "val_rows": val_rows, "steps_per_epoch": per_epoch,
            "total_steps": total, "optimizer": recipe.optimizer, "weight_decay": recipe.weight_decay,
        }
    ]  # fmt: skip
    if regression:
        rows.append({"kind": "input", "step": 1, "part": "train", "target_mean": y.mean(), "target_std": y.std()})
    else:
        counts = np.bincount(y, minlength=classes).tolist()
        rows.append({"kind": "input", "step": 1, "part": "train", "rows": len(y), "label_counts": counts})
    recent: list[float] = []
    for epoch in range(recipe.epochs):
        order = rng.permutation(len(x))
        losses, right = [], 0.0
        for begin in range(0, len(x), recipe.batch):
            batch = order[begin : begin + recipe.batch]
            lr = recipe.lr * shape(net.steps / total)
            inputs = x[batch] + recipe.jitter * rng.standard_normal((len(batch), x.shape[1]))
            loss, correct, norm = net.step(inputs, y[batch], lr, recipe, rng)
            losses.append(loss * len(batch))
            recent.append(loss)
            right += correct
            if net.steps == 1 or net.steps % 5 == 0:
                mean = float(np.mean(recent))
                rows.append({"kind": "step", "step": net.steps, "train_loss": mean, "lr": lr, "grad_norm": norm})
                recent = []
        loss, correct = net.judge(x_val, y_val)
        row = {
            "kind": "epoch", "step": net.steps, "epoch": epoch + 1, "lr": lr,
            "train_loss": sum(losses) / len(x), "val_loss": loss,
        }  # fmt: skip
        row |= {"val_r2": 1 - loss / float(y_val.var())} if regression else {
            "train_accuracy": right / len(x), "val_accuracy": correct / val_rows
        }  # fmt: skip
        rows.append({key: float(value) if not isinstance(value, int | str) else value for key, value in row.items()})
    return rows


class _Net:
    """ReLU layers, softmax or a line at the end."""

    def __init__(self, sizes: tuple[int, ...], gain: float, rng: np.random.Generator, regression: bool) -> None:
        pairs = list(itertools.pairwise(sizes))
        self.weights = [
            gain * rng.standard_normal((a, b)) * math.sqrt((2 if place < len(pairs) - 1 else 0.3) / a)
            for place, (a, b) in enumerate(pairs)
        ]
        self.weights += [np.zeros(b) for _, b in pairs]
        self.depth, self.regression, self.steps = len(pairs), regression, 0
        self.m = [np.zeros_like(w) for w in self.weights]
        self.v = [np.zeros_like(w) for w in self.weights]

    def _forward(self, x: np.ndarray, dropout: float, rng: np.random.Generator | None) -> tuple[list[Any], np.ndarray]:
        acts = [x]
        for layer in range(self.depth - 1):
            x = np.maximum(x @ self.weights[layer] + self.weights[self.depth + layer], 0)
            if dropout and rng is not None:
                x = x * (rng.random(x.shape) >= dropout) / (1 - dropout)
            acts.append(x)
        return acts, x @ self.weights[self.depth - 1] + self.weights[-1]

    def _loss(self, out: np.ndarray, y: np.ndarray) -> tuple[float, float, np.ndarray]:
        if self.regression:
            off = out[:, 0] - y
            return float((off**2).mean()), 0.0, (2 * off / len(y))[:, None]
        out = out - out.max(1, keepdims=True)
        log = out - np.log(np.exp(out).sum(1, keepdims=True))
        grad = np.exp(log)
        grad[np.arange(len(y)), y] -= 1
        return float(-log[np.arange(len(y)), y].mean()), float((out.argmax(1) == y).sum()), grad / len(y)

    def judge(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        loss, right, _ = self._loss(self._forward(x, 0, None)[1], y)
        return loss, right

    def step(
        self, x: np.ndarray, y: np.ndarray, lr: float, recipe: Recipe, rng: np.random.Generator
    ) -> tuple[float, float, float]:
        acts, out = self._forward(x, recipe.dropout, rng)
        loss, right, delta = self._loss(out, y)
        grads: list[Any] = [None] * len(self.weights)
        for layer in reversed(range(self.depth)):
            grads[layer], grads[self.depth + layer] = acts[layer].T @ delta, delta.sum(0)
            if layer:
                keep = acts[layer] > 0
                delta = (delta @ self.weights[layer].T) * keep / (1 - recipe.dropout)
        norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
        self.steps += 1
        for place, g in enumerate(grads):
            w, m, v = self.weights[place], self.m[place], self.v[place]
            if recipe.optimizer == "adam":
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                u = m / (1 - 0.9**self.steps) / (np.sqrt(v / (1 - 0.999**self.steps)) + 1e-8)
            else:
                m *= 0.9
                m += g
                u = m
            w -= lr * u + (lr * recipe.weight_decay * w if place < self.depth else 0)
        return loss, right, norm


GOOD: dict[str, Recipe] = {
    "digits": Recipe(lr=0.02),
    "digits, cosine": Recipe(lr=0.05, schedule="warm-cosine"),
    "digits, drop": Recipe(lr=0.05, schedule="drop", epochs=40),
    "digits, adam": Recipe(optimizer="adam", lr=1e-3),
    "digits, one cycle": Recipe(lr=0.1, schedule="one-cycle", epochs=20),
    "digits, dropout": Recipe(lr=0.03, dropout=0.4, hidden=(128,), epochs=40, schedule="cosine"),
    "digits, restarts": Recipe(lr=0.05, schedule="restarts", epochs=45),
    "digits, two layers": Recipe(optimizer="adam", lr=1e-3, hidden=(64, 64), epochs=25),
    "digits, jitter": Recipe(lr=0.03, jitter=0.4, epochs=40),
    "cancer": Recipe(data="cancer", lr=0.01, weight_decay=1e-2, schedule="cosine"),
    "cancer, adam": Recipe(data="cancer", optimizer="adam", lr=3e-3, hidden=(16,), epochs=25),
    "diabetes": Recipe(data="diabetes", lr=0.003, hidden=(16,), schedule="cosine", weight_decay=0.1, epochs=30),
}

BAD: dict[str, tuple[Recipe, tuple[str, ...]]] = {
    "rate far too high": (Recipe(lr=3.0), ("diverges", "turns-nan", "stalls", "bounces", "starts-too-hot")),
    "rate too high": (Recipe(lr=0.6), ("bounces", "diverges", "stalls", "starts-too-hot")),
    "adam far too high": (Recipe(optimizer="adam", lr=0.3), ("bounces", "diverges", "stalls", "starts-too-hot")),
    "rate far too low": (Recipe(lr=2e-6), ("crawls", "stalls")),
    "rate too low": (Recipe(lr=5e-5), ("crawls",)),
    "adam too low": (Recipe(optimizer="adam", lr=1e-6), ("crawls",)),
    "noise learned": (Recipe(data="diabetes", optimizer="adam", lr=3e-3, hidden=(128, 128), epochs=60), ("overfits",)),
    "wrong labels": (
        Recipe(optimizer="adam", lr=2e-3, hidden=(256,), wrong_labels=0.4, epochs=60), ("has-noisy-labels", "overfits")
    ),
    "permuted labels": (
        Recipe(optimizer="adam", lr=2e-3, hidden=(256,), permuted=True, epochs=40), ("has-misaligned-labels",)
    ),
    "one unit": (Recipe(lr=0.02, hidden=(1,)), ("underfits",)),
    "too much decay": (Recipe(optimizer="adam", lr=1e-3, weight_decay=30.0), ("over-regularizes",)),
    "too much jitter": (Recipe(lr=0.02, jitter=3.0, hidden=(32,)), ("augments-too-hard", "underfits")),
    "too much dropout": (Recipe(lr=0.02, dropout=0.95), ("over-regularizes", "augments-too-hard", "underfits")),
    "cut short": (Recipe(lr=0.0005, epochs=8, batch=128), ("stops-too-early", "crawls")),
    "decays at once": (Recipe(lr=0.003, schedule="cut-at-once"), ("decays-too-early",)),
    "few validation rows": (Recipe(lr=0.02, val_rows=20), ("validates-on-too-little",)),
    "weights too large": (Recipe(lr=0.01, gain=8.0), ("starts-off", "starts-too-hot")),
    "whole set": (Recipe(lr=0.02, batch=1000, epochs=20), ("batch-too-large",)),
}  # fmt: skip
