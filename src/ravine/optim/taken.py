"""What an optimizer takes over from outside: parameters, and states saved earlier or by torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.optim.family import Family

_FOREIGN = ("foreach", "capturable", "differentiable", "fused")


def listed(owner: str, params: Any) -> Any:
    """`params` as a list, or a refusal."""
    if isinstance(params, Tensor):
        raise BadValue(
            refusal(owner, "params", "be an iterable of parameters or groups", "one tensor", "Put it into a list.")
        )
    if not isinstance(params, Iterable):
        raise BadValue(refusal(owner, "params", "be an iterable of parameters or groups", params))
    listed = list(params)
    if not listed:
        raise BadValue(f"{owner}: the list of parameters is empty. Does the model have parameters yet?")
    return listed


def check_params(owner: str, params: list[Any], *, matrices: bool) -> None:
    """Refuse what cannot be stepped: other things than tensors, vectors where matrices are needed, computed tensors."""
    for place, p in enumerate(params):
        p = p[1] if isinstance(p, tuple) else p
        if not isinstance(p, Tensor):
            raise BadValue(refusal(owner, f"parameter {place}", "be a tensor", type(p).__name__))
        if matrices and p.ndim < 2:
            raise BadValue(
                f"{owner}: parameter {place}, shape {tuple(p.shape)}, must be a matrix. "
                "Give vectors, biases and norms to another optimizer, such as AdamW."
            )
        if not (p.is_leaf or p.retains_grad):
            raise BadValue(
                f"{owner}: parameter {place}, shape {tuple(p.shape)}, is not a leaf: it is computed from other "
                "tensors. Give those, or p.detach().requires_grad_()."
            )


def own(value: Any) -> Any:
    """A tensor that shares its memory with no other."""
    if isinstance(value, Tensor) and value.untyped_storage().nbytes() != value.numel() * value.element_size():
        return value.clone()
    return value


def adopted_group(theirs: Mapping[str, Any], ours: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A saved group with what it lacks taken from ours, and without what only torch's engines need."""
    kept = {name: value for name, value in theirs.items() if name not in _FOREIGN}
    return {**defaults, **ours, **kept}


def entry_of(where: str, given: Mapping[str, Any], slots: tuple[str, ...], p: Tensor, family: Family) -> dict[str, Any]:
    """One parameter's state in our form."""
    step = given.get("step", 0)
    entry: dict[str, Any] = {"step": int(step.item() if isinstance(step, Tensor) else step)}
    for name in slots:
        value = given.get(name)
        if value is None:
            if entry["step"] == 0 and not any(isinstance(v, Tensor) for n, v in given.items() if n != "step"):
                continue
            raise BadValue(
                f"{where} has no {name!r}; got {sorted(given)}. Was it saved by another optimizer than {family.key}?"
            )
        if not isinstance(value, Tensor) or value.shape != p.shape:
            got = tuple(value.shape) if isinstance(value, Tensor) else value
            raise BadValue(f"{where}: {name!r} must have shape {tuple(p.shape)}; got {got!r}.")
        entry[name] = value
    return entry
