"""Newton's method, held by a radius of trust so that saddle points are left and not sought."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE, POSITIVE, Interval
from ravine.optim.newton_cg import Products
from ravine.optim.newton_region import Dense, Model
from ravine.optim.vector import WholeModel

Method = Literal["auto", "exact", "cg"]

_DENSE = 2_000  # parameters up to which "auto" builds the Hessian
_ROWS = 64  # rows of the Hessian made at once
_ACCEPTED = 1e-4  # share of the promised fall that must come true
_NOISE = 1e3  # rounding errors of a loss, in units of its last digit, below which it is not relied on
_FLAT_TRIES = 4  # lengths tried along directions without curvature
_TRIES = 30  # radii tried in one step, each a quarter of the one before


class Newton(WholeModel):
    """Newton's method: p ← p − H⁻¹·g, without a learning rate.

    Where the Hessian H is positive definite and the loss falls as the parabola promises, the step is the full
    one, and close to a minimum the number of right digits doubles. Elsewhere the step is the lowest point of the
    parabola within a radius that grows and shrinks with how well the last promises were kept; at a saddle point
    that is down the direction of negative curvature, also where the gradient is zero. `note` and
    `curvature` say what was met.

    **The closure must return the loss without calling backward**, since second derivatives need its graph:

        def closure():
            return loss_of(model(x), y)
        optimizer.step(closure)

    One `step` is one iteration. It never raises the loss, rounding aside: it tries smaller radii on the same
    Hessian until the loss falls. Gradients in `p.grad` are neither read nor written.

    Args:
        params: Parameters or groups, n numbers in all; they are stepped as one vector, only `weight_decay` may differ.
        radius: Radius of trust where the parabola has no lowest point, in the unit of the parameters.
        damping: μ ≥ 0, added to every eigenvalue of H: shorter steps, towards gradient descent.
        tolerance_grad: Largest element of the gradient at which a point counts as stationary.
        weight_decay: λ of λ/2·|p|², added to the loss.
        method: "exact" builds H, n² numbers, by batched products of its graph with the unit vectors; "cg" needs only
            products with H and solves by conjugate gradients; "auto" is "exact" up to 2,000 numbers.

    Attributes:
        evaluations: How often a closure was called so far.
        curvature: The smallest eigenvalue of H at the last step, with "cg" the negative curvature met; None where H
            was positive definite, or looked so, and nothing more had to be known.
        note: What the last step met, such as "indefinite: smallest eigenvalue -3.2".
        converged: Whether the last step started at a stationary point from which no direction led down, or from a
            point so near one that rounding hides the way.

    Source: Nocedal & Wright 2006, algorithm 4.1; the model's minimum: Moré & Sorensen 1983, Steihaug 1983.
    """

    owner = "newton"
    bounds: ClassVar[Mapping[str, Interval]] = {
        "radius": POSITIVE,
        "damping": NON_NEGATIVE,
        "tolerance_grad": NON_NEGATIVE,
        "weight_decay": NON_NEGATIVE,
    }

    def __init__(
        self,
        params: Any,
        radius: float = 1.0,
        damping: float = 0.0,
        tolerance_grad: float = 1e-9,
        weight_decay: float = 0.0,
        method: Method = "auto",
    ) -> None:
        if method not in get_args(Method):
            raise BadValue(refusal(self.owner, "method", "be one of 'auto', 'exact', 'cg'", method))
        self.method = method
        self.curvature: float | None = None
        self.converged = False
        self._radius = math.inf
        defaults = {"radius": radius, "damping": damping, "tolerance_grad": tolerance_grad}
        defaults["weight_decay"] = weight_decay
        self._check(defaults)
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one Newton step.

        Args:
            closure: Computes the loss and returns it, without calling backward. It must give the same loss at the
                same parameters: no dropout, one batch.

        Returns:
            The closure's loss before the step.

        Raises:
            BadValue: There is no closure, its loss has no graph, or loss, gradient or Hessian are not finite.
        """
        if closure is None:
            raise BadValue(
                "newton: step needs a closure that returns the loss without calling backward: "
                "def closure(): return loss_of(model(x), y)"
            )
        settings = self._settings()
        x = self._here()
        kept = x
        try:
            first, value, model, largest = self._modelled(closure, x, settings)
            self.converged, self.curvature = False, None
            if largest <= settings["tolerance_grad"]:
                kept = self._leave(closure, x, value, model, float(settings["radius"]), largest)
            else:
                kept = self._descend(closure, x, value, model)
        finally:
            self._scatter(kept)  # also when the closure raises: never leave a trial point behind
        return first

    # The model of the loss

    def _modelled(
        self, closure: Callable[[], Any], x: Tensor, settings: Mapping[str, Any]
    ) -> tuple[Tensor, float, Model, float]:
        """The closure's loss, the loss with decay, its model, and the gradient's largest element."""
        loss = self._loss(closure)
        graph = self._gradient(loss)
        gradient, value = graph.detach(), float(loss.detach())
        decay = self._decay(x)
        if decay is not None:
            gradient = gradient + decay * x
            value += 0.5 * float(decay @ (x * x))
        if not (math.isfinite(value) and bool(gradient.isfinite().all())):
            raise BadValue(
                f"newton: loss and gradient must be finite; got a loss of {value} and a gradient with "
                f"{int((~gradient.isfinite()).sum())} of {len(gradient)} numbers not finite. "
                "Start from smaller parameters."
            )
        radius, damping = float(settings["radius"]), float(settings["damping"])
        largest = float(gradient.abs().max()) if len(gradient) else 0.0
        if self.method == "exact" or (self.method == "auto" and len(x) <= _DENSE):
            hessian = self._hessian(graph)
            if decay is not None:
                hessian = hessian + torch.diag(decay)
            if not bool(hessian.isfinite().all()):
                raise BadValue("newton: the Hessian must be finite; the loss has no second derivative here.")
            return loss.detach(), value, Dense(gradient, hessian, radius, damping), largest

        def product(v: Tensor) -> Tensor:
            found = self._product(graph, v)
            return found if decay is None else found + decay * v

        return loss.detach(), value, Products(gradient, product, radius, damping), largest

    def _gradient(self, loss: Tensor) -> Tensor:
        """The gradient as one vector, with its graph."""
        if not loss.requires_grad:
            raise BadValue(
                "newton: the loss has no graph to take second derivatives from. Return the loss itself, "
                "not loss.item() or loss.detach(), and compute it with gradients on."
            )
        params = self._params()
        try:
            found = torch.autograd.grad(loss, params, create_graph=True, allow_unused=True)
        except RuntimeError as error:
            if "second time" not in str(error):
                raise
            raise BadValue("newton: the closure must return the loss without calling backward on it.") from error
        if all(g is None for g in found):
            raise BadValue("newton: the loss does not depend on any of the parameters.")
        return self._gathered([torch.zeros_like(p) if g is None else g for p, g in zip(params, found, strict=True)])

    def _product(self, graph: Tensor, v: Tensor) -> Tensor:
        """Hv, shape (n,)."""
        if not graph.requires_grad:
            return torch.zeros_like(v)
        params = self._params()
        try:
            found = torch.autograd.grad(graph, params, v, retain_graph=True, allow_unused=True, materialize_grads=True)
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            raise BadValue(
                f"newton: an operation of the model has no second derivative: {error}. For attention compute the loss "
                "under torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)."
            ) from error
        return self._gathered(list(found))

    def _hessian(self, graph: Tensor) -> Tensor:
        """H, shape (n, n)."""
        units = torch.eye(len(graph), dtype=graph.dtype, device=graph.device)
        if not graph.requires_grad:
            return torch.zeros_like(units)
        rows: Tensor = torch.func.vmap(lambda v: self._product(graph, v), chunk_size=_ROWS)(units)
        return 0.5 * (rows + rows.T)

    # Stepping

    def _descend(self, closure: Callable[[], Any], x: Tensor, value: float, model: Model) -> Tensor:
        """The best point the model leads to, x itself where none is lower."""
        near = _NOISE * torch.finfo(x.dtype).eps * abs(value)
        for _ in range(_TRIES):
            step = model.within(self._radius)
            self.note, self.curvature = step.note, step.curvature
            length = float(step.by.norm())
            if not length:
                break
            there = self._value(closure, x, x + step.by)
            if not step.limited and step.fall <= near and abs(there - value) <= near:
                # losses are too close to tell which is lower: gradients still can
                if self._steepness(closure, x, x + step.by) < float(model.gradient.norm()):
                    return x + step.by
                self.converged = True
                self.note += "; neither loss nor gradient can be lowered any more"
                return x
            kept = (value - there) / step.fall if math.isfinite(there) and step.fall else -1.0
            if kept < 0.25:
                self._radius = 0.25 * length
            elif step.limited:
                self._radius = 2.0 * length if kept > 0.75 else length
            if kept >= _ACCEPTED:
                return x + step.by
        self.note = f"{self.note}; no step lowers the loss"
        return x

    def _leave(
        self, closure: Callable[[], Any], x: Tensor, value: float, model: Model, radius: float, largest: float
    ) -> Tensor:
        """From a stationary point down, if any direction of negative or no curvature leads down."""
        end = model.lowest()
        self.curvature = end.value
        rounding = 10.0 * torch.finfo(x.dtype).eps * abs(value)
        downhill = end.value < -end.rounding
        directions = [end.vector] if downhill else end.flat
        kind = "indefinite" if downhill else "singular" if end.flat else "positive definite"
        self.note = f"stationary, {kind}: smallest eigenvalue {end.value:.3g}"
        length = min(radius, self._radius)
        for _ in range(_TRIES if downhill else _FLAT_TRIES if directions else 0):
            tried = [x + sign * length * one for one in directions for sign in (1.0, -1.0)]
            losses = [self._value(closure, x, point) for point in tried]
            best = min(range(len(tried)), key=losses.__getitem__)
            if losses[best] < value - rounding:
                self.note += "; left downhill"
                return tried[best]
            length *= 0.25
        self.converged = True
        self.note += f"; largest gradient {largest:.3g}"
        return x

    def _value(self, closure: Callable[[], Any], x: Tensor, there: Tensor) -> float:
        """The loss with decay at another point than x; infinite where it is not finite."""
        self._scatter(there, graph_lives=True)
        value = float(self._loss(closure).detach())
        self._scatter(x, graph_lives=True)
        decay = self._decay(there)
        if decay is not None:
            value += 0.5 * float(decay @ (there * there))
        return value if math.isfinite(value) else math.inf

    def _steepness(self, closure: Callable[[], Any], x: Tensor, there: Tensor) -> float:
        """The gradient's length at another point than x."""
        self._scatter(there, graph_lives=True)
        gradient = self._gradient(self._loss(closure)).detach()
        self._scatter(x, graph_lives=True)
        decay = self._decay(there)
        return float((gradient if decay is None else gradient + decay * there).norm())

    def _forget(self) -> None:
        self._radius = math.inf

    def _memory(self) -> dict[str, Any]:
        return {"radius": self._radius}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        self._radius = float(memory["radius"])

    def __getstate__(self) -> dict[str, Any]:
        own = {"method": self.method, "curvature": self.curvature, "converged": self.converged}
        return {**super().__getstate__(), **own}
