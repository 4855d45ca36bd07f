"""What needs no network: the commonest class or the mean, and a linear model, on the same split."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from numpy.typing import NDArray
from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.data.prepare import Preparation
from ravine.data.task import Kind, Task
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.measures import deciding
from ravine.fit.evaluate.scores import scores
from ravine.fit.intervals import Bootstrap
from ravine.records.results import Baseline, BaselineSection

Floats32 = NDArray[np.float32]
Rows = NDArray[np.int64]

MOST_CELLS = 8_000_000
"""Rows × features that a linear model is fitted on: 10,000 rows of 28 × 28 pixels."""

MOST_FEATURES = 3072
"""Larger pictures are averaged down, longer rows are cut to this many numbers."""

MOST_CODES = 50
"""Of a category, the commonest codes become columns of 0 and 1; the others share the column of none."""

ITERATIONS = 60
"""Steps of one logistic regression; from a good start they are near enough to the end for a baseline."""

MOST_WORK = 12_000_000_000
"""Rows × features × classes × steps of all logistic regressions together: some seconds on two cores."""

MOST_LABELS = 100
"""Labels beyond this many keep their share; each needs a regression of its own."""

CHUNK = 4096
"""Rows that are normalized at a time."""

LOGISTIC_STRENGTHS = (0.003, 0.03, 0.3, 3.0, 30.0)
"""C of scikit-learn's logistic regression, from strong to weak regularization; three or more are tried."""

RIDGE_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""λ of ridge regression a row: the penalty is λ·rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBaseline:
    """A method without a network, and what it says about the test rows."""

    name: str
    answers: Answers
    seconds: float


def fit_baselines(
    fields: Sequence[Tensor],
    preparation: Preparation,
    task: Task,
    targets: NDArray[Any],
    *,
    train: Rows,
    val: Rows,
    test: Rows,
    seed: int = 0,
) -> list[FittedBaseline]:
    """Fit the baselines of a task on the training rows and ask them about the test rows.

    - the commonest class, the mean, or each label's commonest value; told as the training
      frequencies, so that its log loss is the best that no features can do;
    - logistic or ridge regression on standardised numbers, one-hot categories and flattened
      pixels; its strength is chosen on the validation rows. Rows and work are bounded: beyond
      `MOST_CELLS` a random part of the training rows is used.

    Args:
        fields: Raw fields of all rows, as `Preparation.fields` gives them.
        preparation: Of the network: linear models see the same normalized fields.
        task: What is learned.
        targets: Encoded, all rows.
        train: Row numbers to fit on.
        val: Row numbers to choose the strength on; without any, the middle strength is taken.
        test: Row numbers to answer.
        seed: Of the training rows drawn.
    """
    targets = np.asarray(targets)
    began = time.perf_counter()
    constant = _constant(task, targets[train])
    everywhere = np.broadcast_to(constant, (len(test), len(constant)))
    plain = FittedBaseline(
        name=_CONSTANT_NAMES[task.kind],
        answers=Answers(task, everywhere, targets[test]),
        seconds=time.perf_counter() - began,
    )
    began = time.perf_counter()
    drawn = _drawn(train, _num_features(preparation.shape) * max(1, task.outputs // 10), seed)
    features = Features.of(fields, preparation.normalizer(), preparation.shape, drawn)
    solve = {Kind.CLASSIFY: _logistic, Kind.REGRESS: _ridge, Kind.MULTI_LABEL: _logistic_each}[task.kind]
    asked = [features(fields, rows) for rows in (drawn, val, test)]
    outputs = solve(task, asked[0], targets[drawn], asked[1], targets[val], asked[2])
    linear = FittedBaseline(
        name="ridge regression" if task.kind is Kind.REGRESS else "logistic regression",
        answers=Answers(task, outputs, targets[test]),
        seconds=time.perf_counter() - began,
    )
    return [plain, linear]


def baseline_section(fitted: Sequence[FittedBaseline], task: Task, *, seed: int = 0) -> BaselineSection:
    """The record of fitted baselines, with every metric of the task."""
    boot = Bootstrap(len(fitted[0].answers), seed=seed) if fitted else None
    return BaselineSection(
        metric=deciding(task).name,
        baselines=[
            Baseline(name=one.name, scores=scores(one.answers, boot), seconds=one.seconds)
            for one in fitted
            if boot is not None
        ],
    )


@dataclass(frozen=True, slots=True)
class Features:
    """Normalized fields as one matrix for a linear model, standardised on the rows it was measured on."""

    normalizer: nn.Module
    shape: InputShape
    codes: tuple[NDArray[np.int64], ...]  # of each category, the codes that become columns
    mean: Floats32
    std: Floats32

    @classmethod
    def of(cls, fields: Sequence[Tensor], normalizer: nn.Module, shape: InputShape, rows: Rows) -> Features:
        """Measure commonest codes, means and standard deviations on `rows`."""
        codes: list[NDArray[np.int64]] = []
        for column in range(len(shape.cardinalities)):
            values, counts = np.unique(fields[1][torch.from_numpy(rows), column].numpy(), return_counts=True)
            codes.append(np.sort(values[np.argsort(-counts, kind="stable")][:MOST_CODES]))
        raw = _flat(fields, normalizer, shape, tuple(codes), rows)
        mean, std = raw.mean(0, dtype=np.float64), raw.std(0, dtype=np.float64)
        std[std < 1e-6 * (1.0 + np.abs(mean))] = np.inf  # a constant column says nothing: 0 after division
        return cls(normalizer, shape, tuple(codes), mean.astype(np.float32), std.astype(np.float32))

    def __call__(self, fields: Sequence[Tensor], rows: Rows) -> Floats32:
        """The matrix of `rows`, (rows, features)."""
        matrix: Floats32 = (_flat(fields, self.normalizer, self.shape, self.codes, rows) - self.mean) / self.std
        return matrix


def _flat(
    fields: Sequence[Tensor], normalizer: nn.Module, shape: InputShape, codes: tuple[NDArray[np.int64], ...], rows: Rows
) -> Floats32:
    """Numbers as they are, categories as columns of 0 and 1, pictures and sequences flattened: (rows, features)."""
    parts = [np.zeros((0, _num_features(shape, codes)), dtype=np.float32)]
    for start in range(0, len(rows), CHUNK):
        where = torch.from_numpy(rows[start : start + CHUNK])
        with torch.inference_mode():
            given = normalizer(*(field[where] for field in fields))
            first = _shrunk(given[0]) if shape.form == "image" else given[0]
        numbers = first.flatten(1)[:, :MOST_FEATURES].float().numpy()
        marks = [(given[1][:, [j]].numpy() == known).astype(np.float32) for j, known in enumerate(codes)]
        parts.append(np.concatenate([numbers, *marks], 1))
    return np.concatenate(parts)


def _shrunk(images: Tensor) -> Tensor:
    """Large pictures, (rows, channels, height, width), averaged down to at most `MOST_FEATURES` numbers."""
    height, width = _pixels(images.shape[1], images.shape[2], images.shape[3])
    return images if (height, width) == images.shape[2:] else F.adaptive_avg_pool2d(images, (height, width))


def _pixels(channels: int, height: int, width: int) -> tuple[int, int]:
    shrink = max(1.0, (channels * height * width / MOST_FEATURES) ** 0.5)
    return max(1, int(height / shrink)), max(1, int(width / shrink))


def _num_features(shape: InputShape, codes: Sequence[NDArray[np.int64]] | None = None) -> int:
    """Columns of the matrix; before codes are measured, as many as there may be."""
    if shape.form == "image":
        height, width = _pixels(shape.channels, shape.height, shape.width)
        return shape.channels * height * width
    if shape.form == "sequence":
        return min(MOST_FEATURES, shape.length * shape.features)
    sizes = (
        [min(size, MOST_CODES) for size in shape.cardinalities] if codes is None else [len(known) for known in codes]
    )
    return min(MOST_FEATURES, shape.numeric) + sum(sizes)


def _drawn(train: Rows, features: int, seed: int) -> Rows:
    """Training rows, all or as many at random as the bound on cells allows."""
    most = max(500, MOST_CELLS // max(1, features))
    if len(train) <= most:
        return train
    return np.sort(np.random.default_rng(seed).choice(train, most, replace=False))


_CONSTANT_NAMES = {Kind.CLASSIFY: "majority class", Kind.REGRESS: "mean", Kind.MULTI_LABEL: "commonest labels"}


def _constant(task: Task, targets: NDArray[Any]) -> Floats32:
    """The one output, (outputs,), that fits the training targets best without looking at a feature."""
    if task.kind is Kind.REGRESS:
        mean: Floats32 = targets.mean(0).astype(np.float32)
        return mean
    if task.kind is Kind.CLASSIFY:
        # Half a row is added to each class, so that none is impossible.
        counts = np.bincount(targets, minlength=task.outputs) + 0.5
        return np.asarray(np.log(counts / counts.sum()), dtype=np.float32)
    share = (targets.sum(0) + 0.5) / (len(targets) + 1.0)
    return np.asarray(np.log(share / (1.0 - share)), dtype=np.float32)


def _logistic(
    task: Task, x: Floats32, y: NDArray[Any], x_val: Floats32, y_val: NDArray[Any], asked: Floats32
) -> Floats32:
    """Log-probabilities, (rows, classes), of the strength with the least validation loss."""
    classes = np.unique(y)
    logs = np.tile(_constant(task, y), (len(asked), 1))
    if len(classes) < 2:
        return logs
    tried = list(_logistic_path(x, y, len(classes), len(x_val) > 0))
    fit = min(tried, key=lambda model: _log_loss(task, model, classes, x_val, y_val)) if len(x_val) else tried[-1]
    logs = np.full((len(asked), task.outputs), np.log(1e-7), dtype=np.float32)
    logs[:, classes] = np.log(np.maximum(fit.predict_proba(asked), 1e-7))
    return logs


def _logistic_path(x: Floats32, y: NDArray[Any], classes: int, choose: bool) -> Iterator[Any]:
    """Fitted logistic regressions from strong to weak, each starting from the last; as many as the work allows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    affordable = MOST_WORK // (x.size * classes * ITERATIONS)
    strengths = LOGISTIC_STRENGTHS[: max(3, affordable)] if choose else LOGISTIC_STRENGTHS[2:3]
    model = LogisticRegression(max_iter=ITERATIONS, tol=1e-3, warm_start=True)
    for strength in strengths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(C=strength).fit(x, y)
        yield copy.deepcopy(model)


def _log_loss(task: Task, model: Any, classes: NDArray[Any], x: Floats32, y: NDArray[Any]) -> float:
    probabilities = np.full((len(x), task.outputs), 1e-7)
    probabilities[:, classes] = np.maximum(model.predict_proba(x), 1e-7)
    return float(-np.log(np.take_along_axis(probabilities, y[:, None], 1)).mean())


def _logistic_each(
    task: Task, x: Floats32, y: NDArray[Any], x_val: Floats32, y_val: NDArray[Any], asked: Floats32
) -> Floats32:
    """Logits, (rows, labels): one logistic regression a label."""
    logits = np.tile(_constant(task, y), (len(asked), 1))
    pair = Task(kind=Kind.CLASSIFY, classes=("no", "yes"))
    for label in range(min(task.outputs, MOST_LABELS)):
        truth, truth_val = y[:, label].astype(np.int64), y_val[:, label].astype(np.int64)
        if len(np.unique(truth)) == 2:
            logs = _logistic(pair, x, truth, x_val, truth_val, asked)
            logits[:, label] = logs[:, 1] - logs[:, 0]
    return logits


def _ridge(task: Task, x: Floats32, y: NDArray[Any], x_val: Floats32, y_val: NDArray[Any], asked: Floats32) -> Floats32:  # noqa: ARG001 (one form for all)
    """Values, (rows, targets), of the strength with the least squared validation error.

    One eigendecomposition XᵀX = QΛQᵀ serves every strength: w = Q(Λ + λn)⁻¹QᵀXᵀy.
    """
    centre, middle = x.mean(0, dtype=np.float64), y.mean(0, dtype=np.float64)
    gram = x.T.astype(np.float64) @ x - len(x) * np.outer(centre, centre)
    cross = x.T.astype(np.float64) @ y - len(x) * np.outer(centre, middle)
    values, vectors = np.linalg.eigh(gram)
    turned = vectors.T @ cross

    def weights(strength: float) -> NDArray[np.float64]:
        solved: NDArray[np.float64] = vectors @ (turned / (np.maximum(values, 0.0) + strength * len(x))[:, None])
        return solved

    def error(strength: float) -> float:
        return float(((((x_val - centre) @ weights(strength)) + middle - y_val) ** 2).mean())

    best = min(RIDGE_STRENGTHS, key=error) if len(x_val) else RIDGE_STRENGTHS[1]
    said: Floats32 = ((asked - centre) @ weights(best) + middle).astype(np.float32)
    return said
