"""How probable it is that a noisy curve still falls: learning curves extrapolated, with the doubt in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ravine.diagnose.noise import MOST_CORRELATED, jitter

FEWEST = 12
"""Epochs before anything is said."""

_Array = NDArray[np.float64]

_POWERS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5)
_DRAWS = 400
_PLACES = 12  # of the future at which a curve is looked at


def chance_of_gain(values: Sequence[float], horizon: int, least: float = 0.0) -> float:
    """The probability that the curve behind noisy `values` falls noticeably within `horizon` more epochs.

    The curve is one of many c + a·φ(t), each φ falling towards 0 as a power t^−b or as exp(−t/τ), with
    or without a rising line d·t beside it, d ≥ 0, for what overfitting adds. Each is fitted by least
    squares and weighs by its BIC; curves are then drawn from all of them, with the doubt that the
    scatter leaves in c, a and d, wider where neighbouring points err together. A gain is noticeable
    when the lowest point ahead lies below the lowest behind by more than `least` and by more than the
    scatter of the points themselves: a smaller one could not be told from luck.

    What is coming is taken to be like what was: a drop of the learning rate that is still ahead is not
    foreseen.

    Args:
        values: One an epoch, lower is better; those that are no numbers count for nothing.
        horizon: Epochs that are left.
        least: The smallest gain that is worth while.

    Returns: A share in [0, 1]; 1 with fewer than `FEWEST` values, 0 with no epoch left.

    Source: Domhan, Springenberg & Hutter 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep
        Neural Networks by Extrapolation of Learning Curves", for stopping on the extrapolated curve;
        Schwarz 1978, "Estimating the Dimension of a Model", for the weights.
    """
    known = [(place, value) for place, value in enumerate(values, start=1) if math.isfinite(value)]
    if len(known) < FEWEST:
        return 1.0
    if horizon < 1:
        return 0.0
    known = known[len(known) // 4 :]  # the first steep fall follows no law and says least of the end
    begin, end = known[0][0] - 1, known[-1][0]
    t = np.array([place - begin for place, _ in known], dtype=float)
    y = _without_spikes(np.array([value for _, value in known], dtype=float))
    ahead = np.unique(np.linspace(end - begin + 1, end - begin + horizon, _PLACES).round())
    scatter = jitter(y.tolist())
    if scatter == 0 and np.ptp(y) == 0:
        return 0.0
    fits = [_Fits(t, y, ahead, rising) for rising in (False, True)]
    bic = np.concatenate([fit.bic for fit in fits])
    shares = np.exp(-0.5 * (bic - bic.min()))
    generator = np.random.default_rng(len(values))
    counts = np.split(generator.multinomial(_DRAWS, shares / shares.sum()), [len(fits[0].bic)])
    gains = np.concatenate([fit.gains(count, generator) for fit, count in zip(fits, counts, strict=True)])
    return float((gains > max(least, scatter)).mean())


class _Fits:
    """Every shape fitted: c + a·φ(t), and d·t where it may rise.

    With X = QR the numbers found are R⁻¹Qᵀy, and what the scatter leaves open in Qᵀy is the same in
    every direction: curves are drawn there, and never need R⁻¹ by itself.
    """

    def __init__(self, t: _Array, y: _Array, ahead: _Array, rising: bool) -> None:
        self.rising = rising
        x = _columns(t, len(t), rising)
        count, numbers = x.shape[1:]
        q, r = np.linalg.qr(x)
        self.behind = q
        self.ahead = np.linalg.solve(r.swapaxes(1, 2), _columns(ahead, len(t), rising).swapaxes(1, 2)).swapaxes(1, 2)
        self.middle = np.einsum("fnk,n->fk", q, y)
        self.upward = np.sign(r[:, -1, -1])  # the sign of d for a last entry above 0
        rest = y - np.einsum("fnk,fk->fn", q, self.middle)
        squares = (rest**2).sum(1)
        # Below the last digits all shapes are equally good.
        floor = count * (1e-9 * max(float(np.abs(y).max()), 1e-30)) ** 2
        falls = self.middle[:, -1] * self.upward < 0 if rising else np.zeros(len(q), dtype=bool)
        self.bic = count * np.log(np.maximum(squares, floor) / count) + (numbers + 1) * math.log(count)
        self.bic[falls] = np.inf  # without the line it is among the others
        together = (rest[:, 1:] * rest[:, :-1]).sum(1) / np.maximum(squares, floor) + numbers / count
        together = np.clip(together, 0.0, MOST_CORRELATED)
        self.freedom = count - numbers
        self.error = np.sqrt(squares / self.freedom * (1 + together) / (1 - together))

    def gains(self, counts: NDArray[np.int64], generator: np.random.Generator) -> _Array:
        """How far the lowest point ahead lies below the lowest behind, in so many drawn curves of each shape."""
        found = [np.zeros(0)]
        for place in np.flatnonzero(counts):
            size = int(counts[place])
            wide = np.sqrt(self.freedom / generator.chisquare(self.freedom, size=(size, 1)))
            off = generator.standard_normal((size, self.middle.shape[1])) * wide
            drawn = self.middle[place] + self.error[place] * off
            if self.rising:
                drawn[:, -1] = np.where(drawn[:, -1] * self.upward[place] > 0, drawn[:, -1], 0.0)
            found.append((drawn @ self.behind[place].T).min(1) - (drawn @ self.ahead[place].T).min(1))
        return np.concatenate(found)


def _columns(t: _Array, points: int, rising: bool) -> _Array:
    """1, φ(t), and t where a line may rise: (shapes, places, 2 or 3)."""
    spans = [2.0 * 2**power for power in range(12) if 2.0 * 2**power <= 2 * points]
    shapes = [*(t**-power for power in _POWERS), *(np.exp(-t / span) for span in spans)]
    lines: list[_Array] = [t] if rising else []
    return np.stack([np.stack([np.ones_like(t), shape, *lines], axis=1) for shape in shapes])


def _without_spikes(y: _Array) -> _Array:
    """Points far off their four neighbours, put where those lie."""
    reach = 4 * max(jitter(y.tolist()), 1e-300)
    padded = np.pad(y, 2, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return np.where(np.abs(y - middle) > reach, middle, y)
