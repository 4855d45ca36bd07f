"""How much members differ: an ensemble of equals gains nothing."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Ambiguity(NamedTuple):
    """The squared error of an average, taken apart: `ensemble` = `members` − `ambiguity`."""

    members: float
    ensemble: float
    ambiguity: float


def ambiguity(answers: ArrayLike, truth: ArrayLike, weights: ArrayLike = ()) -> Ambiguity:
    """How far the squared error of the mean answer lies below the mean squared error of the answers.

        Σₖ(ā − y)² = Σₘ wₘ Σₖ(aₘ − y)² − Σₘ wₘ Σₖ(aₘ − ā)²

    exactly, row by row: the mean is better by as much as members stray from it. For probabilities the squared error
    is the Brier score.

    Args:
        answers: (members, rows, outputs): probabilities, or values.
        truth: (rows, outputs): 0 and 1, or values.
        weights: One a member; equal when empty.

    Returns: Means over the rows.

    Source: Krogh & Vedelsby 1995, "Neural Network Ensembles, Cross Validation, and Active Learning", equation 4.
    """
    said, target = np.asarray(answers, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    shares = np.asarray(weights, dtype=np.float64)
    shares = np.full(len(said), 1 / len(said)) if shares.size == 0 else shares / shares.sum()
    mean = np.tensordot(shares, said, 1)
    errors = ((said - target) ** 2).sum(-1).mean(-1)
    strays = ((said - mean) ** 2).sum(-1).mean(-1)
    return Ambiguity(float(shares @ errors), float(((mean - target) ** 2).sum(-1).mean()), float(shares @ strays))


def disagreement(choices: ArrayLike) -> float:
    """The share of rows on which two members say different things, mean over pairs.

    Args:
        choices: (members, rows) of classes, or (members, rows, labels), where one differing label counts.

    Source: Skalak 1996; Kuncheva & Whitaker 2003, "Measures of Diversity in Classifier Ensembles".

    >>> disagreement([[0, 1, 1], [0, 1, 2], [0, 1, 1]])
    0.2222222222222222
    """
    said = np.asarray(choices)
    said = said[..., None] if said.ndim == 2 else said
    return float(np.mean([(one != other).any(-1).mean() for one, other in combinations(said, 2)]))


def error_correlation(errors: ArrayLike) -> float | None:
    """The correlation between the errors of two members, mean over pairs; None where one of each pair never errs.

    Args:
        errors: (members, rows): 0 and 1, or residuals; more dimensions are taken as further rows.
    """
    flat = np.asarray(errors, dtype=np.float64)
    flat = flat.reshape(len(flat), -1)
    moving = flat[flat.std(1) > 0]
    if len(moving) < 2:
        return None
    found = np.corrcoef(moving)
    return float(np.mean([found[pair] for pair in combinations(range(len(moving)), 2)]))
