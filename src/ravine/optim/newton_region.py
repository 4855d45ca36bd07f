"""The lowest point of a quadratic within a radius, by its Hessian's eigenvalues: sure at saddle points too."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

_FLAT_TRIED = 8  # flat directions handed out at most


class Step(NamedTuple):
    """Where a quadratic model of the loss is lowest."""

    by: Tensor  # shape (n,)
    fall: float  # how much lower the model is there, at least 0
    limited: bool  # whether the radius, not the model, ended it
    curvature: float | None  # smallest eigenvalue, or the negative curvature met; None where neither was needed
    note: str  # the same in words


class Lowest(NamedTuple):
    """The lowest end of a Hessian's spectrum."""

    value: float  # smallest eigenvalue
    vector: Tensor  # its direction, shape (n,), length 1
    rounding: float  # below this an eigenvalue is 0 but for rounding
    flat: list[Tensor]  # directions, shape (n,), of eigenvalues that are 0 but for rounding


class Model(Protocol):
    """A quadratic model of the loss around a point."""

    gradient: Tensor  # shape (n,)

    def within(self, radius: float) -> Step:
        """The lowest point within a radius, which may be infinite."""

    def lowest(self) -> Lowest:
        """The lowest end of the Hessian's spectrum."""


class Dense:
    """The model with the Hessian as a matrix.

        model(s) = gᵀs + sᵀHs/2, lowest over |s| ≤ Δ at s = −(H + σI)⁻¹g with the least σ ≥ 0 that makes
        H + σI positive semidefinite and s short enough

    Args:
        gradient: g, shape (n,).
        hessian: H, shape (n, n), symmetric.
        first_radius: Δ where an infinite one is asked for and the model has no lowest point.
        damping: μ, added to every eigenvalue; what is reported is without.

    Source: Moré & Sorensen 1983; Nocedal & Wright 2006, section 4.3.
    """

    def __init__(self, gradient: Tensor, hessian: Tensor, first_radius: float, damping: float = 0.0) -> None:
        self.gradient, self.hessian = gradient, hessian
        self.first_radius, self.damping = first_radius, damping
        self._eigen: tuple[Tensor, Tensor] | None = None

    def lowest(self) -> Lowest:
        """The lowest end of the Hessian's spectrum."""
        values, vectors = self._spectrum()
        edge = self._rounding(values)
        flat = (values.abs() <= edge).nonzero().flatten()[:_FLAT_TRIED].tolist()
        return Lowest(float(values[0]), vectors[:, 0], edge, [vectors[:, i] for i in flat])

    def within(self, radius: float) -> Step:
        """The lowest point within a radius, which may be infinite."""
        full = self._full()
        if full is not None and float(full.norm()) <= radius:
            return Step(full, self._fall(full), limited=False, curvature=None, note="positive definite")
        values, vectors = self._spectrum()
        edge = self._rounding(values)
        smallest = float(values[0])
        raised = torch.where(values.abs() <= edge, torch.zeros_like(values), values) + self.damping
        slopes = vectors.T @ self.gradient
        # along a flat direction a slope that is rounding alone is none
        slopes = torch.where((raised <= 0) & (slopes.abs() <= edge), torch.zeros_like(slopes), slopes)
        inside, limited = _lowest_within(raised, slopes, radius, self.first_radius)
        step = vectors @ inside
        if smallest < -edge:
            note = f"indefinite: smallest eigenvalue {smallest:.3g}"
        elif smallest <= edge:
            note = f"singular: smallest eigenvalue {smallest:.3g}"
        else:
            note = f"positive definite: smallest eigenvalue {smallest:.3g}"
        return Step(step, self._fall(step), limited=limited, curvature=smallest, note=note)

    def _full(self) -> Tensor | None:
        """Newton's own step, where the Hessian is safely positive definite."""
        raised = self.hessian + self.damping * torch.eye(len(self.gradient)).to(self.hessian)
        root, failed = torch.linalg.cholesky_ex(raised)
        if int(failed):
            return None
        pivots = root.diagonal().square()
        if float(pivots.min()) <= len(pivots) * torch.finfo(pivots.dtype).eps * float(pivots.max()):
            return None
        return -torch.cholesky_solve(self.gradient[:, None], root)[:, 0]

    def _fall(self, step: Tensor) -> float:
        curved = step @ (self.hessian @ step) + self.damping * (step @ step)
        return max(0.0, -float(self.gradient @ step + 0.5 * curved))

    def _spectrum(self) -> tuple[Tensor, Tensor]:
        if self._eigen is None:
            values, vectors = torch.linalg.eigh(self.hessian)
            self._eigen = values, vectors
        return self._eigen

    @staticmethod
    def _rounding(values: Tensor) -> float:
        return len(values) * torch.finfo(values.dtype).eps * float(values.abs().max())


def _lowest_within(values: Tensor, slopes: Tensor, radius: float, first_radius: float) -> tuple[Tensor, bool]:
    """The lowest point in coordinates of the eigenvectors, and whether the radius ended it.

    Args:
        values: Eigenvalues, ascending, shape (n,).
        slopes: The gradient along the eigenvectors, shape (n,).
        radius: Δ.
        first_radius: Δ where it is infinite and there is no lowest point.
    """
    floor = max(0.0, -float(values[0]))

    def at(shift: float) -> Tensor:
        raised = values + shift
        return torch.where((raised <= 0) | (slopes == 0), torch.zeros_like(slopes), -slopes / raised)

    # directions in which `floor` takes all curvature away: with a slope there the step has no bound
    bounded = not bool(((values + floor <= 0) & (slopes != 0)).any())
    least = at(floor)
    if bounded and float(least.norm()) <= radius and floor == 0:
        return least, False
    if math.isinf(radius):
        radius = first_radius
    if bounded and float(least.norm()) <= radius:
        # the hard case: no slope down the most curved way, so go down it either way
        step = least.clone()
        step[0] += math.sqrt(max(0.0, radius**2 - float(least @ least)))
        return step, True
    low, high = floor, floor + float(slopes.norm()) / radius
    shift = high
    for _ in range(100):
        step = at(shift)
        length = float(step.norm())
        if abs(length - radius) <= 1e-10 * radius or high - low <= 1e-16 * high:
            break
        if length > radius:
            low = shift
        else:
            high = shift
        fall_off = float((step.square() / (values + shift)).sum())
        shift += (length**2 / fall_off) * (length - radius) / radius if fall_off > 0 else -shift
        if not low < shift < high:
            shift = 0.5 * (low + high)
    return step, True
