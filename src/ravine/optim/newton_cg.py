"""The lowest point of a quadratic within a radius, by products with its Hessian alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ravine.optim.newton_region import Lowest, Step

_LANCZOS = 40  # products spent at most on the smallest eigenvalue
_ENOUGH_CURVATURE = 1e-12  # of the largest seen: below this a direction counts as straight


class Products:
    """The model by conjugate gradients: n numbers a vector, no matrix.

    Stops where the residual is √|g| of what it was, so that steps become exact as the gradient vanishes; at the
    radius; or at a direction of negative curvature, which it follows to the radius.

    Args:
        gradient: g, shape (n,).
        product: v ↦ Hv, both (n,).
        first_radius: Δ where an infinite one is asked for and the model has no lowest point.
        damping: μ, added to every eigenvalue; what is reported is without.
        most: Most products for a step.

    Source: Steihaug 1983; Nocedal & Wright 2006, algorithm 7.2; smallest eigenvalue: Lanczos 1950.
    """

    def __init__(
        self,
        gradient: Tensor,
        product: Callable[[Tensor], Tensor],
        first_radius: float,
        damping: float = 0.0,
        most: int = 250,
    ) -> None:
        self.gradient, self.product = gradient, product
        self.first_radius, self.damping, self.most = first_radius, damping, most

    def within(self, radius: float) -> Step:
        """The lowest point within a radius, which may be infinite."""
        g = self.gradient
        step, residual = torch.zeros_like(g), g.clone()
        image = torch.zeros_like(g)  # (H + μI)·step
        direction = -residual
        square = float(residual @ residual)
        goal = min(0.25, math.sqrt(square)) * square  # of squares: min(½, |g|^½)·|g|
        largest = 0.0
        limited, met = False, None
        note = "positive curvature wherever conjugate gradients went"
        for _ in range(min(self.most, 2 * len(g))):
            if square <= goal and bool(step.any()):
                break
            across = self.product(direction) + self.damping * direction
            length = float(direction @ direction)
            curvature = float(direction @ across)
            largest = max(largest, abs(curvature) / length if length else 0.0)
            if curvature <= _ENOUGH_CURVATURE * largest * length:
                if length == 0.0:
                    break
                met = curvature / length - self.damping
                note = f"{'indefinite' if met < 0 else 'singular'}: curvature {met:.3g} met"
                if math.isinf(radius):
                    radius = max(self.first_radius, 2.0 * float(step.norm()))
                by = _to_edge(step, direction, radius)
                step, image, limited = step + by * direction, image + by * across, True
                break
            by = square / curvature
            if float((step + by * direction).norm()) >= radius:
                by = _to_edge(step, direction, radius)
                step, image, limited = step + by * direction, image + by * across, True
                break
            step, image = step + by * direction, image + by * across
            residual = residual + by * across
            before, square = square, float(residual @ residual)
            direction = direction * (square / before) - residual
        fall = max(0.0, -float(g @ step + 0.5 * (step @ image)))
        return Step(step, fall, limited=limited, curvature=met, note=note)

    def lowest(self) -> Lowest:
        """The lowest end of the spectrum as Lanczos sees it in a few products, from a fixed random start."""
        size = len(self.gradient)
        generator = torch.Generator().manual_seed(0)
        vector = torch.randn(size, generator=generator, dtype=torch.float64).to(self.gradient)
        basis = [vector / vector.norm()]
        diagonal: list[float] = []
        beside: list[float] = []
        for _ in range(min(_LANCZOS, size)):
            image = self.product(basis[-1])
            diagonal.append(float(basis[-1] @ image))
            for one in (*basis, *basis):  # twice, since rounding spoils the first
                image = image - (one @ image) * one
            left = float(image.norm())
            scale = max(map(abs, diagonal + beside))
            if len(diagonal) == min(_LANCZOS, size) or left <= 1e-10 * scale or left == 0.0:
                break
            beside.append(left)
            basis.append(image / left)
        small = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
        for place, value in enumerate(beside[: len(diagonal) - 1]):
            small[place, place + 1] = small[place + 1, place] = value
        values, mixes = torch.linalg.eigh(small)
        seen = torch.stack(basis[: len(diagonal)], dim=1) @ mixes.to(self.gradient)
        edge = size * torch.finfo(self.gradient.dtype).eps * float(values.abs().max())
        flat = [seen[:, i] for i in (values.abs() <= edge).nonzero().flatten().tolist()]
        return Lowest(float(values[0]), seen[:, 0], edge, flat)


def _to_edge(step: Tensor, direction: Tensor, radius: float) -> float:
    """How far along `direction` from `step` the sphere of this radius lies."""
    a, b = float(direction @ direction), float(step @ direction)
    c = float(step @ step) - radius**2
    return (-b + math.sqrt(max(0.0, b * b - a * c))) / a
