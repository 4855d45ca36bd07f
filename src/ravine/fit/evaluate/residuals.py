"""Truth against prediction, and intervals that hold it nine times in ten."""

from __future__ import annotations

import math

import numpy as np

from ravine.fit.evaluate.answers import Answers
from ravine.records.results import Residuals

COVERAGE = 0.9
MOST_POINTS = 2000


def half_widths(answers: Answers, coverage: float = COVERAGE) -> tuple[float, ...] | None:
    """Half width of a prediction interval for each target, on the standardised scale that is learned.

    Split conformal prediction: with n rows the network did not train on, the ⌈(n + 1)·coverage⌉-th
    smallest absolute residual covers a new row with at least this probability, whatever the
    distribution. Rows by which the training was stopped are seen a little, so the promise is
    checked on the test part.

    Returns: None when there are too few rows for the coverage to be promised.

    Source: Lei et al. 2018, "Distribution-Free Predictive Inference for Regression".
    """
    rows = len(answers)
    rank = math.ceil((rows + 1) * coverage)
    if rank > rows:
        return None
    errors = np.sort(np.abs(answers.outputs.astype(np.float64) - answers.target.astype(np.float64)), axis=0)
    return tuple(float(error) for error in errors[rank - 1])


def residuals(answers: Answers, half_width: tuple[float, ...] | None, *, seed: int = 0) -> Residuals:
    """Truth and prediction of the first target, a sample of at most 2,000 rows, and the coverage found.

    Args:
        answers: Of a regression.
        half_width: As `half_widths` gave it on validation rows; None: no intervals.
        seed: Of the sample.
    """
    rows = np.arange(len(answers))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_POINTS, replace=False))
    truth, predicted = answers.values_true[rows, 0], answers.values[rows, 0]
    finite = np.isfinite(predicted)
    found = Residuals(
        truth=truth[finite].tolist(),
        predicted=predicted[finite].tolist(),
        log=answers.task.log,
        scale=answers.task.std[0] if answers.task.std else 1.0,
    )
    if half_width is None:
        return found
    error = np.abs(answers.outputs.astype(np.float64) - answers.target.astype(np.float64))
    inside = float((error <= np.asarray(half_width)).mean())
    return found.model_copy(update={"interval": half_width[0], "coverage": inside})
