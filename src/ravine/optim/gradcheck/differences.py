"""Central differences: how far to step, how exact they are, and when two gradients agree."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ravine.optim.gradcheck.problem import Problem

EPS = torch.finfo(torch.float64).eps
STEP = EPS ** (1 / 3)
"""About 6e-6: where the truncation error of a central difference, h²·f‴/6, meets the rounding error, ε·f/h."""

_SAFETY = 10.0  # between the noise of one value and what a difference of two may be off
_POINTS = 9
_SPACING = 1e-12  # of points on which a smooth function is straight, so that what bends is rounding


def steps(values: Tensor) -> Tensor:
    """H = ε^⅓·max(1, |x|) for each coordinate, rounded so that x + h is exact; both (coordinates,) float64."""
    h = STEP * values.abs().clamp(min=1.0)
    ahead: Tensor = values + h
    return ahead - values


def noise(problem: Problem, name: str, generator: torch.Generator) -> float:
    """The rounding noise of the number near a leaf, as one standard deviation, at least half a unit in its last place.

        Δᵏ of f at x + δp, …, x + 9δp        σₖ² = (k!)²/(2k)! · mean (Δᵏ)²

    The differences of order k take out whatever is smooth; what is left is noise. The median over k = 3 … 6 is taken.
    All points lie on one side of x, where a loss that is bent or jumps at x is smooth.

    Source: Moré & Wild 2011, Estimating computational noise, section 3.
    """
    row = problem.real(name).cpu()
    sign = torch.randint(0, 2, row.shape, generator=generator).to(torch.float64) * 2 - 1
    direction = (sign * row.abs().clamp(min=1.0)).to(problem.leaves[name].device)
    level = problem.along(name, direction, _SPACING * torch.arange(1, _POINTS + 1, dtype=torch.float64))
    least = max(0.5 * EPS * abs(problem.base), problem.jitter)
    if not bool(level.isfinite().all()):
        return least
    found = []
    for order in range(1, 7):
        level = level[1:] - level[:-1]
        if order >= 3:
            factor = math.factorial(order) ** 2 / math.factorial(2 * order)
            found.append(math.sqrt(factor * float(level.square().mean())))
    return max(least, sorted(found)[len(found) // 2])


def slack(sigma: float | Tensor, h: Tensor) -> Tensor:
    """How far a difference over h may be off by rounding alone: 10·σ/h."""
    return torch.as_tensor(_SAFETY * sigma, dtype=torch.float64) / h


def relative_error(analytic: Tensor, numeric: Tensor, off: Tensor, tolerance: float) -> Tensor:
    """|a − n| / max(|a| + |n|, floor), with floor = off / tolerance.

    The floor makes a disagreement that rounding explains, |a − n| ≤ off, count as at most `tolerance`.

    Args:
        analytic: a, (coordinates,).
        numeric: n, (coordinates,).
        off: What rounding may do to n, (coordinates,).
        tolerance: Largest relative error that counts as right.

    Returns: (coordinates,), NaN where n is not finite.
    """
    return (analytic - numeric).abs() / torch.maximum(analytic.abs() + numeric.abs(), off / tolerance)


def central(problem: Problem, name: str, at: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The number ahead of and behind each coordinate, (f(x + h), f(x − h)), each (coordinates,)."""
    both = problem.moved(name, torch.cat((at, at)), torch.cat((h, -h)))
    ahead, behind = both.chunk(2)
    return ahead, behind
