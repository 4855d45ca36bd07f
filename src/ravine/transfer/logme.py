"""LogME: how probable targets are under a Bayesian linear model on features, at its best hyperparameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadValue, refusal

Floats = NDArray[np.float64]


def log_evidence(features: Floats, targets: Floats, *, rounds: int = 200, tolerance: float = 1e-10) -> float:
    """The largest log evidence of a row, mean over target columns.

        y = F·w + ε,   w ~ N(0, I/α),   ε ~ N(0, I/β);   log p(y | F, α, β) / rows at the best α and β

    The best α and β are the fixed point of α = γ/‖m‖², β = (n − γ)/‖F·m − y‖² with
    γ = Σ βσ²/(α + βσ²), m the mean of w and σ the singular values of F; each round costs the
    rank alone, since one decomposition of F serves all.

    Args:
        features: (rows, features), finite.
        targets: (rows,) or (rows, columns): numbers, or 0/1 a class.
        rounds: At most.
        tolerance: Relative change of α and β at which it ends.

    Raises:
        BadValue: Shapes that do not belong together, or values that are no numbers.

    Source: You, Liu, Wang & Long 2021, "LogME: Practical Assessment of Pre-trained Models for Transfer
        Learning", algorithm 1; MacKay 1992, "Bayesian Interpolation", for the fixed point.
    """
    return fitted(features, targets, rounds=rounds, tolerance=tolerance).evidence


@dataclass(frozen=True, slots=True)
class Fitted:
    """The linear model at its best α and β.

    Attributes:
        evidence: Log evidence of a row, mean over target columns.
        weights: Mean of w, (features, columns).
    """

    evidence: float
    weights: Floats


def fitted(features: Floats, targets: Floats, *, rounds: int = 200, tolerance: float = 1e-10) -> Fitted:
    """As `log_evidence`, with the mean weights βσ/(α + βσ²)·uᵀy, which are a ridge regression's."""
    f = np.asarray(features, dtype=np.float64)
    y = np.asarray(targets, dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    if f.ndim != 2 or y.ndim != 2 or len(f) != len(y) or len(f) == 0:
        raise BadValue(refusal("logme", "features and targets", "have the same rows", (f.shape, y.shape)))
    if not (np.isfinite(f).all() and np.isfinite(y).all()):
        raise BadValue("logme: features and targets must be finite.")
    left, sigma, right = np.linalg.svd(f, full_matrices=False)
    found = [_one(left, sigma, column, f.shape[1], rounds, tolerance) for column in y.T]
    return Fitted(float(np.mean([one[0] for one in found])), right.T @ np.stack([one[1] for one in found], axis=1))


def _one(left: Floats, sigma: Floats, y: Floats, d: int, rounds: int, tolerance: float) -> tuple[float, Floats]:
    """Of one column: its evidence a row, and the mean weights along the right singular vectors."""
    n = len(y)
    z = left.T @ y
    outside = max(float(y @ y - z @ z), 0.0)  # of y, what no weights reach
    squares = sigma**2
    smallest = 1e-12 * max(float(y @ y), 1e-300)
    alpha = beta = 1.0
    for _ in range(rounds):
        norm, rest = _terms(squares, z, outside, alpha, beta)
        gamma = float((beta * squares / (alpha + beta * squares)).sum())
        new_alpha = min(gamma / max(norm, 1e-300), 1e12)
        new_beta = (n - gamma) / max(rest, smallest)
        settled = abs(new_alpha - alpha) <= tolerance * alpha and abs(new_beta - beta) <= tolerance * beta
        alpha, beta = new_alpha, new_beta
        if settled:
            break
    norm, rest = _terms(squares, z, outside, alpha, beta)
    log_det = float(np.log(alpha + beta * squares).sum()) + (d - len(squares)) * math.log(alpha)
    evidence = (
        n / 2 * math.log(beta)
        + d / 2 * math.log(alpha)
        - n / 2 * math.log(2 * math.pi)
        - beta / 2 * rest
        - alpha / 2 * norm
        - log_det / 2
    )
    return evidence / n, beta * sigma * z / (alpha + beta * squares)


def _terms(squares: Floats, z: Floats, outside: float, alpha: float, beta: float) -> tuple[float, float]:
    """‖m‖² and ‖F·m − y‖²."""
    shrink = alpha / (alpha + beta * squares)
    norm = float((beta**2 * squares * z**2 / (alpha + beta * squares) ** 2).sum())
    return norm, float((shrink**2 * z**2).sum()) + outside
