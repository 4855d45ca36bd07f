"""Labels that two simple models, neither of which saw them, agree are another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.data.audit.sight import Check, Sight, percent
from ravine.data.prepare import prepare
from ravine.data.prepare.images import converted
from ravine.data.raw import Images
from ravine.data.task import Kind
from ravine.records.finding import Finding, Severity

MOST_ROWS = 3000
"""Rows looked at, drawn at random; all distances between them are computed."""

MOST_FEATURES = 512
NEIGHBOURS = 10

AGREEING = 0.8
"""Share of a row's neighbours that must be of one other class."""

MARGIN = 0.5
"""By how much the linear model's score of that class must exceed that of the row's own.

With both, digits, iris and wine have no candidate and breast-cancer one in 569, while more than
half of 2% flipped labels are found and nine of ten candidates are flipped ones.
"""

GOOD = 0.85
"""Accuracy of the neighbours' vote, in rows left out, below which the models are no judges."""

FEWEST, SHARE = 3, 0.005
"""Candidates to speak of, in number and as a share of the rows."""

MANY = 0.02
"""Share of candidates from which labels deserve a warning."""


def has_noisy_labels(sight: Sight) -> Iterator[Finding]:
    """What it sees: rows whose neighbours and a linear model, both without them, agree on another class.

    Not to be mistaken for: hard rows between two classes, on which the two seldom agree by far;
    data on which simple models are poor, where nothing is said.
    """
    if sight.task.kind is not Kind.CLASSIFY:
        return
    rows = _drawn(len(sight.raw))
    labels = sight.labels[rows]
    num_classes = len(sight.task.classes)
    if len(rows) < 10 * num_classes or len(rows) <= 5 * NEIGHBOURS:
        return
    features = _features(sight, rows)
    if features is None:
        return
    votes = _neighbours(features, labels, num_classes)
    own = np.arange(len(rows)), labels
    accuracy = float((votes.argmax(axis=1) == labels).mean())
    commonest = np.bincount(labels).max() / len(labels)
    if accuracy < max(GOOD, (1 + commonest) / 2):
        return
    scores = _linear(features, labels, num_classes)
    other = votes.argmax(axis=1)
    sure = (votes.max(axis=1) >= AGREEING) & (other != labels) & (scores.argmax(axis=1) == other)
    sure &= scores.max(axis=1) - scores[own] >= MARGIN
    found = np.flatnonzero(sure)
    found = found[np.argsort(scores[own][found] - scores.max(axis=1)[found], kind="stable")]
    if len(found) < max(FEWEST, SHARE * len(rows)):
        return
    names = sight.task.classes
    example = int(found[0])
    among = f"{len(rows):,} rows" if len(rows) == len(sight.raw) else f"{len(rows):,} rows drawn at random"
    yield Finding(
        symptom="has-noisy-labels",
        severity=Severity.WARNING if len(found) >= MANY * len(rows) else Severity.NOTE,
        evidence=f"{len(found)} of {among} ({percent(len(found) / len(rows))}) look like another class to two simple "
        f"models that are right for {percent(accuracy)}: {sight.quoted(rows[found])}; "
        f"row {sight.raw.ids[rows[example]]} says {names[labels[example]]!r} and looks like {names[other[example]]!r}",
        advice="look at these rows and correct their labels, or set label_smoothing = 0.1 in the recipe",
        confidence=0.8,
        details={
            "rows": sight.listed(rows[found]),
            "labels": [names[label] for label in labels[found[:50]]],
            "looks_like": [names[label] for label in other[found[:50]]],
            "accuracy": accuracy,
            "looked_at": len(rows),
        },
    )


def _drawn(rows: int) -> NDArray[np.int64]:
    if rows <= MOST_ROWS:
        return np.arange(rows, dtype=np.int64)
    return np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False)).astype(np.int64)


def _features(sight: Sight, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Rows as centred vectors of comparable numbers, float32 (rows, features); None when they are too long."""
    inputs = sight.raw.inputs
    if isinstance(inputs, Images):
        pixels = inputs.pixels[rows]
        height, width = pixels.shape[1:3]
        if height * width > 256:
            pixels = converted(pixels, 16, 16, 1)
        flat = pixels.reshape(len(rows), -1).astype(np.float32)
        flat -= flat.mean(axis=0)
        return np.asarray(flat / max(float(flat.std()), 1e-6), dtype=np.float32)
    try:
        preparation = prepare(inputs, rows)
    except BadData:  # nothing varies in the rows drawn, though it does in the others
        return None
    numbers, *codes = (field.numpy() for field in preparation.normalizer()(*preparation.fields(inputs, rows)))
    blocks = [numbers.reshape(len(rows), -1)]
    if codes:
        sizes = preparation.shape.cardinalities
        blocks += [np.eye(size, dtype=np.float32)[codes[0][:, place]] for place, size in enumerate(sizes) if size <= 50]
    features = np.concatenate(blocks, axis=1).astype(np.float32)
    if not 0 < features.shape[1] <= MOST_FEATURES:
        return None
    return np.asarray(features - features.mean(axis=0), dtype=np.float32)


def _neighbours(features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """Share of each class among the ten nearest other rows, (rows, classes)."""
    squares = (features**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    votes = np.zeros((len(labels), num_classes))
    for column in labels[nearest].T:
        votes[np.arange(len(labels)), column] += 1 / NEIGHBOURS
    return votes


def _linear(features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """Scores of ridge regression on one-hot labels, each row left out in turn, in closed form; (rows, classes).

    With H = X(XᵀX + λI)⁻¹Xᵀ the prediction without row i is (ŷᵢ − Hᵢᵢyᵢ)/(1 − Hᵢᵢ).
    """
    inputs = np.concatenate([features, np.ones((len(features), 1))], axis=1).astype(np.float64)
    answers = np.eye(num_classes)[labels]
    solved = np.linalg.solve(inputs.T @ inputs + np.eye(inputs.shape[1]), inputs.T)
    leverage = (inputs * solved.T).sum(axis=1)[:, None]
    return np.asarray((inputs @ (solved @ answers) - leverage * answers) / np.maximum(1 - leverage, 1e-6))


CHECKS = (Check("has-noisy-labels", has_noisy_labels),)
