"""The parameters of a model as one vector: what the methods that step them all together share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, Faults, refusal
from ravine.core.intervals import Interval
from ravine.optim.taken import check_params, listed

_PRECISE = (torch.float32, torch.float64, torch.complex64, torch.complex128)
_NOT_ARGUMENTS = ("params", "param_names", "initial_lr")
_OWN = ("weight_decay",)  # what each group may set for itself


class WholeModel(Optimizer):
    """An optimizer whose step is one vector for all parameters, whatever their groups.

    A group may have a `weight_decay` λ of its own, which adds λ/2·|p|² to the loss; every other argument
    belongs to the vector and is the same in all groups.

    Attributes:
        evaluations: How often a closure was called so far.
        note: What the last step found, in words.
    """

    owner: ClassVar[str]
    bounds: ClassVar[Mapping[str, Interval]]
    counts: ClassVar[tuple[str, ...]] = ()
    may_be_none: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.evaluations = 0
        self.note = "no step yet"
        super().__init__(listed(self.owner, params), defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; only their `weight_decay` may differ from the others'."""
        if not isinstance(param_group, dict):
            raise BadValue(refusal(self.owner, "a parameter group", "be a dict with 'params'", param_group))
        known = (*self.bounds, *self.counts, *_NOT_ARGUMENTS)
        for name in param_group:
            if name not in known:
                raise BadValue(f"{self.owner}: no such argument {name!r} of a group.{did_you_mean(name, known)}")
        params = param_group.get("params")
        if isinstance(params, set | frozenset):
            raise BadValue(refusal(self.owner, "params", "have an order", "a set", "Give a list."))
        param_group["params"] = [params] if isinstance(params, Tensor) else list(params or [])
        check_params(self.owner, param_group["params"], matrices=False)
        tensors = [p[1] if isinstance(p, tuple) else p for p in param_group["params"]]
        for place, p in enumerate(tensors):
            if p.dtype not in _PRECISE:
                raise BadValue(
                    f"{self.owner}: parameter {place} must be float32 or float64, or complex of these; got {p.dtype}. "
                    "Losses are compared more finely than half precision holds."
                )
        merged = {**self.defaults, **param_group}
        self._check(merged)
        self._same_as_first(merged)
        super().add_param_group(param_group)
        self._forget()

    def _check(self, values: Mapping[str, Any]) -> None:
        """Refuse values out of bounds, all faults at once."""
        given = {n: values[n] for n in self.bounds if not (n in self.may_be_none and values[n] is None)}
        faults = [
            f"{name} must {self.bounds[name].must}; got {value!r}."
            for name, value in given.items()
            if isinstance(value, bool)
            or not isinstance(value, int | float | Tensor)
            or not self.bounds[name].contains(float(value))
        ]
        faults += [
            f"{name} must be a whole number of at least 1; got {values[name]!r}."
            for name in self.counts
            if not (type(values[name]) is int and values[name] >= 1)
        ]
        if faults:
            raise Faults(self.owner, faults)

    def _same_as_first(self, group: Mapping[str, Any]) -> None:
        if not self.param_groups:
            return
        first = self.param_groups[0]
        for name in (*self.bounds, *self.counts):
            if name not in _OWN and group[name] != first[name]:
                raise BadValue(
                    f"{self.owner}: steps all parameters as one vector, so {name} must be the same in every group; "
                    f"got {first[name]!r} and {group[name]!r}. Only {', '.join(_OWN)} may differ."
                )

    def _settings(self) -> dict[str, Any]:
        """The arguments in force, checked again since groups can be changed by anyone."""
        for group in self.param_groups:
            self._check(group)
            self._same_as_first(group)
        return self.param_groups[0]

    def _forget(self) -> None:
        """Drop what was learnt about the loss."""

    # Parameters to vector and back

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _size(self) -> int:
        return sum(p.numel() * (2 if p.is_complex() else 1) for p in self._params())

    def _gathered(self, tensors: list[Tensor]) -> Tensor:
        """Tensors as one vector in the widest precision, where the first parameter lies; complex as pairs."""
        params = self._params()
        wide = torch.float64 if any(p.dtype in (torch.float64, torch.complex128) for p in params) else torch.float32
        return torch.cat([_real(t).reshape(-1).to(params[0].device, wide) for t in tensors])

    def _here(self) -> Tensor:
        return self._gathered([p.detach() for p in self._params()])

    @torch.no_grad()
    def _scatter(self, x: Tensor, *, graph_lives: bool = False) -> None:
        """Set the parameters; with `graph_lives` so that a graph over them serves again once they are back."""
        at = 0
        for p in self._params():
            place = _real(p.data if graph_lives else p)
            place.copy_(x[at : at + place.numel()].view(place.shape))
            at += place.numel()

    def _decay(self, x: Tensor) -> Tensor | None:
        """λ of every element, shape (n,); None where nothing decays."""
        if not any(group["weight_decay"] for group in self.param_groups):
            return None
        rates = [torch.full_like(_real(p.detach()), g["weight_decay"]) for g in self.param_groups for p in g["params"]]
        return self._gathered(rates).to(x)

    def _loss(self, closure: Callable[[], Any]) -> Tensor:
        """What the closure returns, with gradients on; counted, and refused where it is no loss."""
        self.evaluations += 1
        with torch.enable_grad():
            loss = closure()
        if not isinstance(loss, Tensor):
            raise BadValue(refusal(self.owner, "the closure", "return the loss, a tensor", loss))
        if loss.numel() != 1 or loss.is_complex():
            raise BadValue(
                f"{self.owner}: the loss must be one real number; got shape {tuple(loss.shape)}, {loss.dtype}."
            )
        return loss.reshape(())

    # What torch.optim.Optimizer promises

    def state_dict(self) -> dict[str, Any]:
        """Groups, and under "memory" what was learnt about the loss."""
        found = super().state_dict()
        found["memory"] = {"evaluations": self.evaluations, **self._memory()}
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadValue: It is of another optimizer, another model, or has groups that are not allowed.
        """
        memory = state_dict.get("memory")
        if "param_groups" not in state_dict or not isinstance(memory, Mapping) or set(memory) != self._slots():
            raise BadValue(
                f"{self.owner}: a state_dict has 'param_groups' and a 'memory' of {', '.join(sorted(self._slots()))}; "
                f"got {sorted(state_dict)}. Was it saved by another optimizer?"
            )
        ours, theirs = ([len(g["params"]) for g in gs] for gs in (self.param_groups, state_dict["param_groups"]))
        if ours != theirs:
            raise BadValue(
                f"{self.owner}: the state is for groups of {theirs} parameters; this optimizer has {ours}. "
                "Build it over the same model, with the same groups."
            )
        for group in state_dict["param_groups"]:
            self._check({**self.defaults, **group})
        size = self._size()
        for value in memory.values():
            if isinstance(value, Tensor) and value.shape[-1:] != (size,):
                raise BadValue(
                    f"{self.owner}: the state is for other shapes, {tuple(value.shape)}; this model has {size} numbers."
                )
        super().load_state_dict({"state": {}, "param_groups": state_dict["param_groups"]})
        self.evaluations = int(memory["evaluations"])
        like = self._here()
        self._recall({n: v.to(like, copy=True) if isinstance(v, Tensor) else v for n, v in memory.items()})

    def _slots(self) -> set[str]:
        return {"evaluations", *self._memory()}

    def _memory(self) -> dict[str, Any]:
        """What was learnt about the loss: numbers, None, and tensors whose last dimension is (n,)."""
        return {}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        """Take over what `_memory` gave."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "evaluations": self.evaluations,
            "note": self.note,
            "memory": self._memory(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        memory = state.pop("memory", None)  # absent when torch hands over groups from load_state_dict
        super().__setstate__(state)
        if memory is not None:
            self._recall(memory)


def _real(t: Tensor) -> Tensor:
    return torch.view_as_real(t) if t.is_complex() else t
