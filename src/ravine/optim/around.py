"""What the driver does around every rule: decay, penalties, clipping, direction. Written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ravine.core.intervals import NON_NEGATIVE, POSITIVE, Interval

AROUND: Mapping[str, Any] = {
    "maximize": False,
    "decoupled_weight_decay": None,
    "l1": 0.0,
    "proximal": False,
    "clip_value": None,
    "clip_norm": None,
    "clip_unit": None,
    "centralize": False,
    "max_norm": None,
}
"""The driver's arguments beside `lr` and `weight_decay`, the same for every optimizer, with their defaults."""

BOUNDS: Mapping[str, Interval] = {
    "lr": NON_NEGATIVE,
    "weight_decay": NON_NEGATIVE,
    "l1": NON_NEGATIVE,
    "clip_value": POSITIVE,
    "clip_norm": POSITIVE,
    "clip_unit": POSITIVE,
    "max_norm": POSITIVE,
}
_FLAGS = ("maximize", "proximal", "centralize", "decoupled_weight_decay")
_MAY_BE_NONE = ("clip_value", "clip_norm", "clip_unit", "max_norm", "decoupled_weight_decay")
_SMALLEST_UNIT = 1e-3  # a unit still at 0 may move as one of this norm may: Brock et al. 2021


@dataclass(frozen=True, slots=True)
class Around:
    """The driver's own work for one parameter group.

    Order: sign (`maximize`), global norm, value, centralization, unit-wise clipping, coupled
    decay and L1 subgradient; then the rule; then decoupled decay, the step, the proximal map
    of L1, and the bound on the norms of units.

    Attributes:
        active: What of it is at work on single elements; the rest of a kernel is not even traced.
        weight_decay: λ. Coupled: g ← g + λp. Decoupled: p ← (1 − αλ)p.
        l1: λ₁. Subgradient: g ← g + λ₁·sign(p). Proximal: p ← sign(p)·max(|p| − αλ₁, 0) after the step.
        clip_value: Largest size of one element of the gradient.
        clip_unit: Largest ratio of the gradient's to the parameter's norm, unit by unit.
        centralize: Whether the mean over each unit's inputs is taken from its gradient.
        max_norm: Largest norm of one unit's incoming weights.
    """

    active: frozenset[str]
    weight_decay: float
    l1: float
    clip_value: float
    clip_unit: float | None
    centralize: bool
    max_norm: float | None

    @classmethod
    def of(cls, group: Mapping[str, Any], decay: str) -> Around:
        """The work that `group` asks for; `decay` is how the rule wants it unless the group says."""
        asked = group["decoupled_weight_decay"]
        form = decay if asked is None or decay == "own" else ("decoupled" if asked else "coupled")
        penalty = "proximal" if group["proximal"] else "subgradient"
        active = {
            "maximize": group["maximize"],
            "clip_value": group["clip_value"] is not None,
            form: group["weight_decay"] > 0 and form != "own",
            penalty: group["l1"] > 0,
        }
        return cls(
            frozenset(name for name, at_work in active.items() if at_work),
            float(group["weight_decay"]),
            float(group["l1"]),
            float(group["clip_value"] or 0.0),
            group["clip_unit"],
            group["centralize"],
            group["max_norm"],
        )

    @property
    def reshapes_gradients(self) -> bool:
        """Whether gradients must be seen as whole tensors before the rule runs."""
        return self.centralize or self.clip_unit is not None

    def unit_gradient(self, g: Tensor, p: Tensor, scale: float | None) -> Tensor:
        """The gradient after all clipping and centralization, a new tensor of shape (*)."""
        if scale is not None:
            g = g * scale
        if "clip_value" in self.active:
            g = g.clamp(-self.clip_value, self.clip_value)
        if self.centralize:
            g = centralized(g)
        if self.clip_unit is not None:
            g = unit_clipped(g, p, self.clip_unit)
        return g


def faults(group: Mapping[str, Any]) -> list[str]:
    """What is wrong with the driver's arguments in `group`, one sentence each."""
    found = []
    for name, bound in BOUNDS.items():
        value = group[name]
        if value is None and name in _MAY_BE_NONE:
            continue
        number = _number(value)
        if number is None or not bound.contains(number):
            found.append(f"{name} must {bound.must}; got {value!r}.")
    flags = {name: group[name] for name in _FLAGS if not (group[name] is None and name in _MAY_BE_NONE)}
    wrong = {name: value for name, value in flags.items() if not isinstance(value, bool)}
    return found + [f"{name} must be True or False; got {value!r}." for name, value in wrong.items()]


def centralized(g: Tensor) -> Tensor:
    """Take from g the mean over each unit's inputs; vectors and scalars as they are.

    Args:
        g: Gradient, shape (units, *).

    Source: Yong et al. 2020, "Gradient Centralization", arXiv:2004.01461.
    """
    if g.ndim < 2 or g.numel() == 0:
        return g
    return g - g.mean(dim=tuple(range(1, g.ndim)), keepdim=True)


def unit_clipped(g: Tensor, p: Tensor, ratio: float) -> Tensor:
    """Shrink g so that each unit's norm is at most `ratio` times the norm of its parameters.

    Args:
        g: Gradient, shape (units, *); a vector is one unit.
        p: Parameter, shape (units, *).
        ratio: λ, about 0.01.

    Source: Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without Normalization",
        arXiv:2102.06171.
    """
    allowed = ratio * unit_norms(p).clamp(min=_SMALLEST_UNIT)
    found = unit_norms(g)
    return g * (allowed / found.clamp(min=1e-12)).clamp(max=1.0).to(g.dtype)


def bound_units(p: Tensor, largest: float) -> None:
    """Scale, in place, each unit whose weights have a norm above `largest` back to it.

    Args:
        p: Parameter, shape (units, *); vectors and scalars are left alone.
        largest: c.

    Source: Srivastava et al. 2014, "Dropout", section 5.1.
    """
    if p.ndim >= 2 and p.numel():
        p.mul_((largest / unit_norms(p).clamp(min=1e-12)).clamp(max=1.0).to(p.dtype))


def unit_norms(x: Tensor) -> Tensor:
    """Euclidean norm of each unit, broadcastable to `x`; of a vector or scalar the norm of all."""
    axes = None if x.ndim < 2 else tuple(range(1, x.ndim))
    norms: Tensor = torch.linalg.vector_norm(x, dim=axes, keepdim=True)
    return norms


def global_norm(gradients: list[Tensor]) -> float:
    """Euclidean norm of all gradients together, wherever they lie."""
    if len(gradients) == 1 and gradients[0].dtype == torch.float32:
        return float(torch.linalg.vector_norm(gradients[0]))
    norms = list(torch._foreach_norm(gradients))
    if len({g.device for g in gradients}) > 1 or len({g.dtype for g in gradients}) > 1:
        norms = [norm.to("cpu", torch.float64) for norm in norms]
    return float(torch.linalg.vector_norm(torch.stack(norms)))


def norm_factor(total: float, largest: float) -> float:
    """What gradients of norm `total` are multiplied by so that it is at most `largest`."""
    return min(1.0, largest / (total + 1e-6)) if total == total else total


def _number(value: Any) -> float | None:
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 and not value.is_complex() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
