"""BFGS and L-BFGS: curvature learnt from the gradients met on the way, for losses without noise."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ravine.core.errors import BadValue
from ravine.core.intervals import NON_NEGATIVE, POSITIVE, Interval
from ravine.optim.vector import WholeModel
from ravine.optim.wolfe import Point, strong_wolfe

_POSITIVE_CURVATURE = 1e-10  # of |s|·|y|: below this a pair says nothing about curvature but rounding
_NOISE = 200.0  # rounding error of a loss in units of its last digit: sums over data lose two digits or so
_DENSE = 10_000  # parameters whose matrix of inverse curvature, 800 MB in float64, is kept at most


class QuasiNewton(WholeModel):
    """What BFGS and L-BFGS share: the loop, the line search, restarts.

    Attributes:
        evaluations: How often a closure was called so far.
        restarts: How often a search failed and all curvature was forgotten.
        converged: Whether the last `step` ended at a tolerance.
        note: How the last `step` ended, in words.
    """

    bounds: ClassVar[Mapping[str, Interval]] = {
        "lr": POSITIVE,
        "tolerance_grad": NON_NEGATIVE,
        "tolerance_change": NON_NEGATIVE,
        "weight_decay": NON_NEGATIVE,
    }
    counts: ClassVar[tuple[str, ...]] = ("max_iter",)

    def __init__(self, params: Any, **defaults: Any) -> None:
        self.restarts = 0
        self.converged = False
        self._check(defaults)
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate up to `max_iter` times.

        Args:
            closure: Zeroes the gradients, computes the loss, calls backward and returns the loss. It must give the
                same loss at the same parameters: no dropout, one batch.

        Returns:
            The closure's loss before the first iteration.

        Raises:
            BadValue: There is no closure, it returns no loss or calls no backward, a gradient is sparse, or loss or
                gradient are not finite at the start.
        """
        if closure is None:
            raise BadValue(
                f"{self.owner}: step needs a closure, since it takes several gradients: "
                "def closure(): optimizer.zero_grad(); loss = ...; loss.backward(); return loss"
            )
        settings = self._settings()
        x = self._here()
        here, first = self._at(closure, x)
        if not (math.isfinite(here.loss) and bool(here.gradient.isfinite().all())):
            wrong = int((~here.gradient.isfinite()).sum())
            raise BadValue(
                f"{self.owner}: loss and gradient must be finite at the start; got a loss of {here.loss} and "
                f"a gradient with {wrong} of {here.gradient.numel()} numbers not finite. "
                "Start from smaller parameters."
            )
        self.converged, self.note = False, f"{settings['max_iter']} iterations"
        try:
            for _ in range(settings["max_iter"]):
                if self._ends(here, settings):
                    break
                moved = self._iterate(closure, x, here, settings)
                if moved is None:
                    self.note = "no step along the gradient lowers the loss"
                    break
                before, (x, here), was = here, moved, x
                if self._stalls(was, x, before, here, settings):
                    break
            else:
                self._ends(here, settings)
        finally:
            self._scatter(x)  # also when the closure raises: never leave a trial point behind
        return first

    def _ends(self, here: Point, settings: Mapping[str, Any]) -> bool:
        largest = float(here.gradient.abs().max()) if here.gradient.numel() else 0.0
        if largest <= settings["tolerance_grad"]:
            self.converged, self.note = True, f"largest gradient {largest:.3g}"
        return self.converged

    def _stalls(self, was: Tensor, x: Tensor, before: Point, here: Point, settings: Mapping[str, Any]) -> bool:
        bound = settings["tolerance_change"]
        moved = float((x - was).abs().max())
        fell = abs(here.loss - before.loss) / max(abs(before.loss), abs(here.loss), 1e-300)
        if bound and (moved <= bound or fell <= bound):
            self.converged, self.note = True, f"changes of {moved:.3g} in parameters and {fell:.3g} in the loss"
        return self.converged

    def _iterate(
        self, closure: Callable[[], Any], x: Tensor, here: Point, settings: Mapping[str, Any]
    ) -> tuple[Tensor, Point] | None:
        """One iteration; after a failed search once more along the gradient. None where even that fails."""
        while True:
            fresh = not self._known()
            direction = self._direction(here.gradient)
            slope = float(direction @ here.gradient)
            if slope < 0 and math.isfinite(slope):
                start = here._replace(t=0.0, slope=slope)
                first = float(settings["lr"]) * self._first_try(start, float(direction.norm()))
                found = self._search(closure, x, start, direction, first)
                if found is not None:
                    step = direction * found.t
                    self._learn(step, found.gradient - here.gradient)
                    return x + step, found
            if fresh:
                return None
            self._forget()
            self.restarts += 1

    def _search(
        self, closure: Callable[[], Any], x: Tensor, start: Point, direction: Tensor, first: float
    ) -> Point | None:
        def along(t: float) -> Point:
            found, _ = self._at(closure, x + t * direction)
            return found._replace(t=t, slope=float(found.gradient @ direction))

        return strong_wolfe(along, start, first, rounding=_NOISE * torch.finfo(x.dtype).eps)

    def _at(self, closure: Callable[[], Any], x: Tensor) -> tuple[Point, Tensor]:
        """Loss and gradient at x, decay included, and the closure's own loss."""
        self._scatter(x)
        loss = self._loss(closure).detach()
        gradients = [p.grad for p in self._params()]
        if all(g is None for g in gradients):
            raise BadValue(f"{self.owner}: no parameter has a gradient. The closure must call loss.backward().")
        if any(g is not None and g.layout != torch.strided for g in gradients):
            raise BadValue(f"{self.owner}: gradients must be dense; got a sparse one. Use sparse=False.")
        gradient = self._gathered(
            [torch.zeros_like(p) if g is None else g for p, g in zip(self._params(), gradients, strict=True)]
        )
        value = float(loss)
        decay = self._decay(x)
        if decay is not None:
            value += 0.5 * float(decay @ (x * x))
            gradient += decay * x
        return Point(0.0, value, math.nan, gradient), loss

    def _learn(self, step: Tensor, change: Tensor) -> None:
        """Take in how the gradient changed over a step."""
        if float(step @ change) > _POSITIVE_CURVATURE * float(step.norm() * change.norm()):
            self._remember(step, change)

    @abstractmethod
    def _known(self) -> bool:
        """Whether anything is known about the curvature."""

    def _first_try(self, start: Point, length: float) -> float:  # noqa: ARG002
        """Where on the line to look first: the full step once the curvature is known, until then a length of 1."""
        return 1.0 if self._known() else min(1.0, 1.0 / length)

    @abstractmethod
    def _direction(self, gradient: Tensor) -> Tensor:
        """Where to go, shape (n,)."""

    @abstractmethod
    def _remember(self, step: Tensor, change: Tensor) -> None:
        """Keep a step and the change of the gradient over it, each (n,)."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "restarts": self.restarts, "converged": self.converged}


class LBFGS(QuasiNewton):
    """BFGS that keeps the last few pairs instead of a matrix.

        p ← p − t·H·g        H from the pairs s = Δp, y = Δg by the two-loop recursion

    The step t fulfils the strong Wolfe conditions. Unlike in `torch.optim.LBFGS` several groups are allowed, a
    failed search restarts from the gradient, and a loss that starts at NaN is an error. Arguments have torch's names.

    Args:
        params: Parameters or groups; all are stepped as one vector, only `weight_decay` may differ.
        lr: What the line search tries first, as a multiple of the full step; 1 is right.
        max_iter: Most iterations a call of `step`.
        tolerance_grad: Largest element of the gradient at which it stops.
        tolerance_change: Largest change of a parameter, or relative change of the loss, at which it stops; 0 never.
        history_size: How many pairs are kept: 2·history_size numbers a parameter.
        weight_decay: λ of λ/2·|p|², added to the loss.

    Source: Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.5.
    """

    owner = "lbfgs"
    counts = ("max_iter", "history_size")

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 10,
        weight_decay: float = 0.0,
    ) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []
        super().__init__(
            params,
            lr=lr,
            max_iter=max_iter,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            weight_decay=weight_decay,
        )

    def _known(self) -> bool:
        return bool(self._pairs)

    def _forget(self) -> None:
        self._pairs = []

    def _direction(self, gradient: Tensor) -> Tensor:
        if not self._pairs:
            return -gradient
        q = gradient.clone()
        weights = []
        for step, change in reversed(self._pairs):
            weight = (step @ q) / (step @ change)
            q -= weight * change
            weights.append(weight)
        step, change = self._pairs[-1]
        q *= (step @ change) / (change @ change)
        for (step, change), weight in zip(self._pairs, reversed(weights), strict=True):
            q += (weight - (change @ q) / (step @ change)) * step
        return -q

    def _remember(self, step: Tensor, change: Tensor) -> None:
        self._pairs.append((step, change))
        del self._pairs[: -self.param_groups[0]["history_size"]]

    def _memory(self) -> dict[str, Any]:
        steps, changes = zip(*self._pairs, strict=True) if self._pairs else (None, None)
        return {
            "steps": None if steps is None else torch.stack(steps),
            "changes": None if changes is None else torch.stack(changes),
        }

    def _recall(self, memory: Mapping[str, Any]) -> None:
        steps, changes = memory["steps"], memory["changes"]
        self._pairs = [] if steps is None else list(zip(steps.clone(), changes.clone(), strict=True))


class BFGS(QuasiNewton):
    """Quasi-Newton with a dense estimate H of the inverse Hessian, for up to some thousand parameters.

        p ← p − t·H·g        H ← (I − s·yᵀ/sᵀy)·H·(I − y·sᵀ/sᵀy) + s·sᵀ/sᵀy        s = Δp, y = Δg

    The step t fulfils the strong Wolfe conditions. H starts as the identity, and t where a parabola would have its
    minimum that falls as much as the last step did, as in SciPy's BFGS: on smooth functions the two walk alike.

    Args:
        params: Parameters or groups, n numbers in all; they are stepped as one vector, only `weight_decay` may differ.
        lr: What the line search tries first, as a multiple of the full step; 1 is right.
        max_iter: Most iterations a call of `step`.
        tolerance_grad: Largest element of the gradient at which it stops.
        tolerance_change: Largest change of a parameter, or relative change of the loss, at which it stops; 0 never.
        weight_decay: λ of λ/2·|p|², added to the loss.

    Source: Nocedal & Wright 2006, algorithm 6.1; first try of a step: eq. 3.60.
    """

    owner = "bfgs"

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        weight_decay: float = 0.0,
    ) -> None:
        self._inverse: Tensor | None = None
        self._before: float | None = None  # the loss one step ago
        super().__init__(
            params,
            lr=lr,
            max_iter=max_iter,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            weight_decay=weight_decay,
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; only their `weight_decay` may differ from the others'."""
        super().add_param_group(param_group)
        if self._size() > _DENSE:
            size = self._size()
            self.param_groups.pop()
            raise BadValue(f"bfgs: must have at most {_DENSE} parameters, for a matrix of n²; got {size}. Use LBFGS.")

    def _known(self) -> bool:
        return self._inverse is not None

    def _forget(self) -> None:
        self._inverse = self._before = None

    def _first_try(self, start: Point, length: float) -> float:
        before, self._before = self._before, start.loss
        fall = 0.5 * length if before is None else before - start.loss
        guess = -2.02 * fall / start.slope
        return min(1.0, guess) if guess > 0 else 1.0

    def _direction(self, gradient: Tensor) -> Tensor:
        return -gradient if self._inverse is None else -(self._inverse @ gradient)

    def _remember(self, step: Tensor, change: Tensor) -> None:
        inner = step @ change
        h = self._inverse
        if h is None:
            h = torch.eye(step.numel(), dtype=step.dtype, device=step.device)
        hy = h @ change
        outer = torch.outer(hy, step)
        self._inverse = h + torch.outer(step, step) * ((inner + change @ hy) / inner**2) - (outer + outer.T) / inner

    def _memory(self) -> dict[str, Any]:
        return {"inverse": None if self._inverse is None else self._inverse.clone(), "before": self._before}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        self._inverse, self._before = memory["inverse"], memory["before"]
