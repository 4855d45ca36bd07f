"""Where the first difference disagrees: is the gradient wrong, the step too long, or the loss bent just there?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ravine.optim.gradcheck.differences import central, relative_error, slack
from ravine.optim.gradcheck.problem import Problem

_RATIO = 8.0
_LADDER = tuple(_RATIO**power for power in range(2, -6, -1))  # of the usual step
_USUAL = 2  # its place there
_CLEAR = 2.0  # times the tolerance: a step at which rounding alone may do more decides nothing …
_VAGUE = 100.0  # … or, where the loss is not smooth at the longer steps, so much more
_PERSISTS = (
    0.25  # of the two sides' disagreement: so much is left at a 64th of the step or less where the loss is bent;
)
# where it is merely curved, they meet in proportion to the step


class Judged(NamedTuple):
    """What was made of coordinates that disagreed, each (coordinates,).

    Attributes:
        right: The gradient agrees after all, at another step.
        kink: The loss is bent or not finite just there: no derivative to compare with.
        numeric: The difference that agrees, else that at the usual step.
        error: Its relative error.
    """

    right: Tensor
    kink: Tensor
    numeric: Tensor
    error: Tensor


def judge(problem: Problem, name: str, at: Tensor, h: Tensor, a: Tensor, sigma: float, tolerance: float) -> Judged:
    """Look again at coordinates where the gradient and the first central difference disagree.

    Differences are taken at eight steps, from 64·h to h/32,768, and extrapolated (Richardson): a step too long or too
    short for this coordinate agrees at another. A loss that is bent within the step agrees with the second-order
    difference of one side, (8·d(h/8) − d(h))/7, and not with the central one; one bent exactly there keeps two
    different sides however short the step, while those of a smooth loss meet in proportion to it.

    Args:
        problem: The number.
        name: The leaf.
        at: Coordinates, (coordinates,) int64.
        h: Their usual steps, (coordinates,).
        a: The gradient there, (coordinates,).
        sigma: The noise of the number.
        tolerance: Largest relative error that counts as right.
    """
    x = problem.real(name).cpu()[at]
    ladder = torch.tensor(_LADDER, dtype=torch.float64)
    h_k = (x[:, None] + h[:, None] * ladder) - x[:, None]
    ahead, behind = central(problem, name, at.repeat_interleave(len(_LADDER)), h_k.reshape(-1))
    up = (ahead.view_as(h_k) - problem.base) / h_k
    down = (problem.base - behind.view_as(h_k)) / h_k
    middle = (up + down) / 2
    off = slack(sigma, h_k)
    g = a[:, None]

    finer, fine = off[:, 1:], slice(1, None)
    square = _RATIO**2
    extrapolated = (square * middle[:, fine] - middle[:, :-1]) / (square - 1)
    both_sides = torch.cat((middle, extrapolated), dim=1)
    their_off = torch.cat((off, 1.1 * finer), dim=1)
    error = relative_error(g, both_sides, their_off, tolerance)
    bends = up - down
    uneven = (bends[:, _USUAL] - _RATIO * bends[:, _USUAL + 1]).abs()  # 0 for a parabola
    rough = ~(uneven <= 8 * (off[:, _USUAL] + _RATIO * off[:, _USUAL + 1])) & ~(
        uneven <= tolerance * (up.abs() + down.abs())[:, _USUAL]
    )
    vague = tolerance * torch.where(rough, _VAGUE, _CLEAR)[:, None]
    usual = off[:, [_USUAL]]
    right = _agrees(g, both_sides, their_off, error, usual, vague, tolerance).any(1)

    sides = torch.cat([(_RATIO * d[:, fine] - d[:, :-1]) / (_RATIO - 1) for d in (up, down)], dim=1)
    sides_off = 2.5 * torch.cat((finer, finer), dim=1)
    side_error = relative_error(g, sides, sides_off, tolerance)
    one_side = _agrees(g, sides, sides_off, side_error, usual, vague, tolerance).any(1)

    apart, shorter = bends.abs(), slice(_USUAL + 2, None)
    persists = (apart >= _PERSISTS * apart[:, [_USUAL]]) & (apart > 4 * off)
    bent = (persists & (apart > tolerance * (up.abs() + down.abs())))[:, shorter].any(1)
    nowhere = ~middle.isfinite().any(1)

    nearest = error.nan_to_num(nan=torch.inf).argmin(1, keepdim=True)
    usable = right | ~middle[:, _USUAL].isfinite()
    best = torch.where(usable[:, None], nearest, _USUAL)
    return Judged(
        right=right,
        kink=~right & (one_side | bent | nowhere),
        numeric=both_sides.gather(1, best)[:, 0],
        error=error.gather(1, best)[:, 0],
    )


def _agrees(a: Tensor, n: Tensor, off: Tensor, error: Tensor, usual: Tensor, vague: Tensor, tolerance: float) -> Tensor:
    """Where n is near a, and exact enough to tell: rounding there does no more than at the usual step, or little."""
    telling = off <= torch.maximum(vague * (a.abs() + n.abs()), usual)
    return (error <= tolerance) & telling
