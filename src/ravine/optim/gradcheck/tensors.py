"""One tensor checked: which coordinates, and what came of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ravine.optim.gradcheck.differences import STEP, central, noise, relative_error, slack, steps
from ravine.optim.gradcheck.kinks import judge
from ravine.optim.gradcheck.problem import Problem
from ravine.optim.gradcheck.report import Row, Verdict, Worst

_AT_ONCE = 64  # coordinates looked at again together
_ENOUGH_WRONG = 32  # of a tensor: those that disagree beyond these are not looked at again
_FAINT = 10.0  # times what rounding may do: a gradient below is not told from 0
_LEAD = 1e-3  # relative error along a random direction that is worth following


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How thoroughly to check.

    Attributes:
        samples: Coordinates of a tensor, at most; None: all.
        tolerance: Largest relative error that counts as right.
        seed: Of the choice of coordinates.
    """

    samples: int | None
    tolerance: float
    seed: int


def check_tensor(problem: Problem, name: str, gradient: Tensor | None, care: Care, shown: str | None = None) -> Row:
    """Compare the gradient of one leaf with differences.

    Args:
        problem: The number, settled.
        name: The leaf.
        gradient: What the backward pass gave, as `real(name)`; None: nothing, which is compared as zero.
        care: How thoroughly.
        shown: What to call it, if not by its name.
    """
    leaf = problem.leaves[name]
    shape = tuple(leaf.shape)
    row = problem.real(name).cpu()
    a = torch.zeros_like(row) if gradient is None else gradient
    if not bool(a.isfinite().all()):
        first = int((~a.isfinite()).nonzero()[0])
        worst = Worst(index=_index(leaf, first), analytic=float(a[first]), numeric=math.nan)
        bad = int((~a.isfinite()).sum())
        label = shown or name
        return Row(name=label, shape=shape, checked=len(a), wrong=bad, worst=worst, verdict="not finite")
    generator = torch.Generator().manual_seed(care.seed)
    sigma = noise(problem, name, generator)
    chosen = _chosen(a, care.samples, generator)
    found = _compared(problem, name, chosen, a, sigma, care.tolerance)
    if len(chosen) < len(a) and not found.wrong.any():
        lead = _followed(problem, name, a, sigma, care.tolerance, generator)
        if lead is not None:
            found = found.with_(_compared(problem, name, lead, a, sigma, care.tolerance))
    return found.row(shown or name, leaf, unused=gradient is None)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Coordinates compared, each (coordinates,)."""

    at: Tensor
    analytic: Tensor
    numeric: Tensor
    error: Tensor
    off: Tensor
    wrong: Tensor
    kink: Tensor

    def with_(self, other: _Compared) -> _Compared:
        """These and others."""
        return _Compared(*(torch.cat((getattr(self, n), getattr(other, n))) for n in self.__slots__))

    def row(self, name: str, leaf: Tensor, *, unused: bool) -> Row:
        """What there is to say about the tensor."""
        wrong, kinks = int(self.wrong.sum()), int(self.kink.sum())
        compared = ~self.kink & self.error.isfinite()
        verdict: Verdict = "right"
        if wrong:
            verdict = "wrong"
        elif not bool(compared.any()):
            verdict = "not judged"
        elif unused:
            verdict = "unused"
        elif bool(((self.analytic.abs() + self.numeric.abs())[compared] <= _FAINT * self.off[compared]).all()):
            verdict = "about 0"
        worst, error = None, 0.0
        if bool(compared.any()):
            # among wrong ones that are off by as much, the largest gradient shows best
            among = self.wrong if wrong else compared
            score = self.error * among + 1e-3 * (self.analytic - self.numeric).abs().nan_to_num() * self.wrong
            place = int(torch.where(among, score, -1.0).argmax())
            error = float(self.error[among].max())
            worst = Worst(
                index=_index(leaf, int(self.at[place])),
                analytic=float(self.analytic[place]),
                numeric=float(self.numeric[place]),
            )
        return Row(
            name=name,
            shape=tuple(leaf.shape),
            checked=len(self.at),
            wrong=wrong,
            kinks=kinks,
            error=error,
            worst=worst,
            verdict=verdict,
        )


def _compared(problem: Problem, name: str, at: Tensor, a: Tensor, sigma: float, tolerance: float) -> _Compared:
    h = steps(problem.real(name).cpu()[at])
    g = a[at]
    ahead, behind = central(problem, name, at, h)
    numeric = (ahead - behind) / (2 * h)
    off = slack(sigma, h)
    error = relative_error(g, numeric, off, tolerance)
    wrong = ~(error <= tolerance)
    kink = torch.zeros_like(wrong)
    order = torch.where(wrong, error.nan_to_num(nan=torch.inf), -1.0).argsort(descending=True)
    disagree = int(wrong.sum())
    for begin in range(0, disagree, _AT_ONCE):
        again = order[begin : min(begin + _AT_ONCE, disagree)]
        seen = judge(problem, name, at[again], h[again], g[again], sigma, tolerance)
        wrong[again] = ~seen.right & ~seen.kink
        kink[again] = seen.kink
        numeric[again], error[again] = seen.numeric, seen.error
        if int(wrong[again].sum()) >= _ENOUGH_WRONG:
            break
    return _Compared(at, g, numeric, error, off, wrong, kink)


def _chosen(a: Tensor, samples: int | None, generator: torch.Generator) -> Tensor:
    """All coordinates, or the quarter of `samples` with the largest gradients and others at random."""
    if samples is None or len(a) <= samples:
        return torch.arange(len(a))
    largest = a.abs().topk(samples // 4).indices
    rest = torch.ones(len(a), dtype=torch.bool)
    rest[largest] = False
    others = rest.nonzero()[:, 0]
    picked = others[torch.randperm(len(others), generator=generator)[: samples - len(largest)]]
    return torch.cat((largest, picked)).sort().values


def _followed(
    problem: Problem, name: str, a: Tensor, sigma: float, tolerance: float, generator: torch.Generator
) -> Tensor | None:
    """A coordinate that a random direction through all of them leads to, where the gradient disagrees along it.

    One derivative along a direction reaches coordinates that were not sampled; halving it finds the one
    that is off. It is a lead and no proof: along a direction many kinks are crossed.
    """
    row = problem.real(name)
    scale = row.cpu().abs().clamp(min=1.0)
    direction = scale * (torch.randint(0, 2, a.shape, generator=generator).to(torch.float64) * 2 - 1)

    def gap(part: Tensor) -> tuple[float, float]:
        """How far the two derivatives along a part of the direction are apart, absolutely and relatively."""
        along = torch.zeros_like(a)
        along[part] = direction[part]
        ahead, behind = problem.along(name, along.to(row.device), torch.tensor([STEP, -STEP], dtype=torch.float64))
        n, g = (ahead - behind) / (2 * STEP), (a * along).sum()
        off = slack(sigma, torch.tensor(STEP, dtype=torch.float64))
        return float((n - g).abs()), float(relative_error(g, n, off, tolerance))

    part = torch.arange(len(a))
    if not gap(part)[1] > max(_LEAD, tolerance):
        return None
    while len(part) > 1:
        halves = part.chunk(2)
        part = max(halves, key=lambda half: gap(half)[0])
    return part


def _index(leaf: Tensor, place: int) -> tuple[int, ...]:
    shape = (*leaf.shape, 2) if leaf.is_complex() else tuple(leaf.shape)
    return tuple(int(i) for i in torch.unravel_index(torch.tensor(place), shape)) if shape else ()
