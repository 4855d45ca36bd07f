"""Whether a probability of 0.8 comes true eight times in ten; and one number that makes it so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ravine.data.task import Kind
from ravine.fit.evaluate.answers import Answers
from ravine.fit.intervals import Floats
from ravine.records.results import Bin, Calibration

MOST_BINS = 15
ROWS_A_BIN = 20
"""Fewer rows than this say nothing about a share."""

PRIOR_ROWS = 25.0
"""How many rows' worth of doubt keeps the temperature near 1 on a small validation set."""


def calibration(answers: Answers) -> Calibration:
    """Reliability in bins of equal mass, and the expected calibration error.

    The confidence is the probability of the class chosen, or of each label; a bin's accuracy is
    the share that came true. The error is Σ (rows in bin / rows)·|accuracy − confidence|. What is no
    number, as a network that diverged gives it, claims nothing: 0.

    Source: Naeini et al. 2015; equal-mass bins after Nixon et al. 2019.
    """
    claimed, right = _claims(answers)
    confidence = np.nan_to_num(claimed)
    order = np.argsort(confidence, kind="stable")
    num_bins = int(np.clip(len(order) // ROWS_A_BIN, 1, MOST_BINS))
    bins = [
        Bin(confidence=float(confidence[rows].mean()), accuracy=float(right[rows].mean()), count=len(rows))
        for rows in np.array_split(order, num_bins)
        if len(rows)
    ]
    error = sum(part.count * abs(part.accuracy - part.confidence) for part in bins) / max(len(order), 1)
    return Calibration(bins=bins, expected_error=float(error))


def temperature(answers: Answers) -> float:
    """The T > 0 by which logits are divided so that validation rows are likeliest: 1 changes nothing.

    No prediction changes, only how sure it sounds. On few rows T stays near 1: log T has a
    normal prior of width 1 worth `PRIOR_ROWS` rows, since a small set without a mistake would
    ask for T = 0.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    from scipy.optimize import minimize_scalar

    rows = len(answers)

    def misfit(log_t: float) -> float:
        scaled = Answers(answers.task, answers.outputs / np.exp(log_t), answers.target)
        return float(scaled.losses.sum()) + 0.5 * PRIOR_ROWS * log_t**2

    if rows == 0 or not np.isfinite(answers.outputs).all():
        return 1.0
    found = minimize_scalar(misfit, bounds=(-2.5, 2.5), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def _claims(answers: Answers) -> tuple[Floats, NDArray[np.bool_]]:
    """Claimed probabilities and whether they came true, (claims,) each."""
    if answers.task.kind is Kind.CLASSIFY:
        chosen = np.take_along_axis(answers.probabilities, answers.choice[:, None], 1)[:, 0]
        return chosen, answers.choice == answers.classes_true
    return answers.probabilities.ravel(), answers.labels_true.ravel()
