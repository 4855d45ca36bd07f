"""One rule over many members at once: a leading member dimension, hyperparameters of each member's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import BadValue, Faults, refusal
from ravine.optim.around import BOUNDS
from ravine.optim.fused import Fused, kernel_for, supports
from ravine.optim.job import Dials, Form, Job
from ravine.rules.checking import check_hyperparameters
from ravine.rules.rule import Rates, Reach, Rule


class PerMember:
    """One number a member that acts as a Python number does: in float64, yet never widening a tensor.

    `1 - beta2` stays exact to 16 digits; times a float32 tensor it is rounded to float32 first.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values.double()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [x for x in (*args, *(kwargs or {}).values()) if isinstance(x, Tensor)]
        like = max(tensors, key=lambda x: x.ndim)

        def fitted(x: Any) -> Any:
            return x.like(like) if isinstance(x, PerMember) else x

        return func(*map(fitted, args), **{name: fitted(x) for name, x in (kwargs or {}).items()})

    def like(self, tensor: Tensor) -> Tensor:
        """The values in the dtype of `tensor`, broadcastable over its members."""
        fitted: Tensor = self.values.to(tensor.device, tensor.dtype).reshape(-1, *[1] * (tensor.ndim - 1))
        return fitted

    def _with(self, other: Any, function: Any, *, swapped: bool = False) -> Any:
        if isinstance(other, Tensor):
            mine = self.like(other)
            return function(other, mine) if swapped else function(mine, other)
        theirs = other.values if isinstance(other, PerMember) else torch.tensor(float(other), dtype=torch.float64)
        return PerMember(function(theirs, self.values) if swapped else function(self.values, theirs))

    def __add__(self, other: Any) -> Any:
        return self._with(other, torch.add)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, torch.add, swapped=True)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, torch.sub)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, torch.sub, swapped=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, torch.mul)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, torch.mul, swapped=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, torch.div)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, torch.div, swapped=True)

    def __neg__(self) -> PerMember:
        return PerMember(-self.values)


class Stacked:
    """Steps a stack of models with one rule.

    >>> import torch
    >>> from ravine.rules import RULES
    >>> w = torch.zeros(2, 3)  # two members, three weights each
    >>> stack = Stacked(RULES["momentum"], [w], lr=[0.1, 1.0])
    >>> stack.step([torch.ones(2, 3)])
    >>> w[:, 0].tolist()
    [-0.10000000149011612, -1.0]

    Args:
        rule: An elementwise rule.
        params: Tensors of shape (members, *); changed by `step`.
        lr: Learning rate, one for all or one a member.
        weight_decay: λ, likewise; applied as the rule's record says, and by the rule itself where it has its own.
        fused: Let torch's kernels step members that agree in all numbers, in one pass over the memory; they round
            otherwise than members that do not agree.
        **values: The rule's hyperparameters; numbers for all, or one a member. Options for all.

    Raises:
        BadValue: The rule needs whole tensors, members disagree, or a value is out of bounds.
    """

    def __init__(
        self,
        rule: Rule,
        params: Sequence[Tensor],
        *,
        lr: Any,
        weight_decay: Any = 0.0,
        fused: bool = False,
        **values: Any,
    ) -> None:
        owner = f"stacked {rule.name}"
        self.rule, self.params = rule, list(params)
        sizes = {p.shape[0] if p.ndim else None for p in self.params}
        if len(sizes) != 1 or None in sizes:
            raise BadValue(
                refusal(owner, "params", "be tensors with one number of members in front", sorted(map(str, sizes)))
            )
        self.members = int(self.params[0].shape[0])
        if rule.decay == "own":
            values["weight_decay"], weight_decay = weight_decay, 0.0
        check_hyperparameters(rule, **{n: _as_tensor(v) for n, v in values.items()})
        self.values = rule.values(values)
        if rule.reach_with(self.values) is not Reach.ELEMENT:
            raise BadValue(
                f"{owner}: sees whole tensors, so members cannot be stepped as one. Step each with its own optimizer."
            )
        self._numbers = {n: self._column(owner, n, v) for n, v in self.values.items() if n in rule.bounds}
        self.weight_decay = self._column(owner, "weight_decay", weight_decay)
        self.fused = fused
        self._common = self._agreed()
        self.set_lr(lr)
        self.steps = 0
        self._rates: list[Rates] = []
        self._same_past = True
        self.state = [rule.first_state(p, self.values) for p in self.params]

    def set_lr(self, lr: Any) -> None:
        """Change the learning rate, of all or one a member."""
        self.lr = self._column(f"stacked {self.rule.name}", "lr", lr)
        self._rate = float(lr) if isinstance(lr, int | float) else _agreement(self.lr)

    @torch.no_grad()
    def step(self, grads: Sequence[Tensor | None]) -> None:
        """Take one step of all members, in place on `params`.

        Args:
            grads: Gradients, each like its parameter; a parameter with None stays.
        """
        rule = self.rule
        self.steps += 1
        self._follow()
        if self._step_fused(grads):
            return
        clock = self._clock()
        numbers = {name: _number(column) for name, column in self._numbers.items()}
        values = {**self.values, **numbers}
        lr, decay = _number(self.lr), _number(self.weight_decay)
        decays = bool(self.weight_decay.any())
        for place, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            if g is None:
                continue
            if decays and rule.decay == "coupled":
                g = g + decay * p
            u, state = rule.direction(g, p, self.state[place], _clock_like(clock, p), values)
            # a rule may remember the parameter or the gradient, which change under its hands
            self.state[place] = type(state)(*(x.clone() if x is p or x is g else x for x in state))
            if decays and rule.decay == "decoupled":
                p.mul_(_like(1 - lr * decay, p))
            p.sub_(u * lr)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone, in this order; `params` become tensors of their own.

        Args:
            members: Their numbers, from 0.
        """
        chosen = list(members)
        self.params = [p.detach()[chosen] for p in self.params]
        self.state = [type(s)(*(None if x is None else x[chosen] for x in s)) for s in self.state]
        self._numbers = {name: column[chosen] for name, column in self._numbers.items()}
        self.lr, self.weight_decay = self.lr[chosen], self.weight_decay[chosen]
        self._rate, self._common = _agreement(self.lr), self._agreed()
        self._rates = [self._rates[member] for member in chosen] if self._rates else []
        self._same_past = all(held == self._rates[0] for held in self._rates)
        self.members = len(chosen)

    def state_dict(self) -> dict[str, Any]:
        """What going on later needs beside the parameters, as plain values and tensors."""
        return {
            "steps": self.steps,
            "rates": [list(held) for held in self._rates],
            "state": [dict(held._asdict()) for held in self.state],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off, with the same members."""
        self.steps = state["steps"]
        self._rates = [Rates(*held) for held in state["rates"]]
        self._same_past = all(held == self._rates[0] for held in self._rates)
        for place, (mine, theirs) in enumerate(zip(self.state, state["state"], strict=True)):
            self.state[place] = type(mine)(**{name: theirs[name] for name in mine._fields})

    def _follow(self) -> None:
        """Take the rates of this step into their histories; those of members that never parted are one."""
        if self._same_past and self._rate is not None:
            held = self._rates[0].follow(self._rate) if self._rates else Rates.first(self._rate)
            self._rates = [held] * self.members
            return
        self._same_past = False
        rates = self.lr.tolist()
        self._rates = (
            [held.follow(lr) for held, lr in zip(self._rates, rates, strict=True)]
            if self._rates
            else [Rates.first(lr) for lr in rates]
        )

    def _agreed(self) -> tuple[Fused, Form, dict[str, Any], float] | None:
        """What steps members that share all hyperparameters, with these; None where torch has no kernel for it."""
        if not self.fused:
            return None
        rule, columns = self.rule, {**self._numbers, "weight_decay": self.weight_decay}
        common = {name: _agreement(column) for name, column in columns.items()}
        if any(value is None for value in common.values()):
            return None
        decay = common["weight_decay"] if rule.decay != "own" else 0.0
        values = {**self.values, **{name: common[name] for name in self._numbers}}
        active = frozenset({rule.decay} if decay else ())
        kernel = kernel_for(rule, values, active)
        slots = rule.slots(values)
        used = tuple(name in slots for name in rule.state._fields)  # type: ignore[attr-defined]
        return (
            None if kernel is None else (kernel, Form(rule.update, rule.state, used, active, ()), values, decay or 0.0)
        )

    def _step_fused(self, grads: Sequence[Tensor | None]) -> bool:
        """Step members that agree in everything as one parameter, in one pass; False where that cannot be."""
        if self._common is None or self._rate is None or not self._same_past:
            return False
        kernel, form, values, decay = self._common
        taken = [
            (p, g, *(x for x in held if x is not None))
            for p, g, held in zip(self.params, grads, self.state, strict=True)
            if g is not None
        ]
        if not taken or not all(map(_plain, taken)):
            return False
        params, theirs, *slots = (list(column) for column in zip(*taken, strict=True))
        clock = self.rule.tick(self.steps, self._rates[0], values)
        dials = Dials(lr=self._rate, scale=1.0, weight_decay=decay, l1=0.0, clip_value=0.0)
        step = torch.tensor(float(self.steps), device=params[0].device)
        kernel(Job(form, dials, clock, values), params, theirs, slots, step)
        return True

    def _clock(self) -> Any:
        """The clock with one number a member where members differ."""
        mine = [{**self.values, **{n: float(c[m]) for n, c in self._numbers.items()}} for m in range(self.members)]
        ticks = [self.rule.tick(self.steps, rates, values) for rates, values in zip(self._rates, mine, strict=True)]
        columns = [torch.tensor([float(x) for x in field], dtype=torch.float64) for field in zip(*ticks, strict=True)]
        return type(ticks[0])(*map(_number, columns))

    def _column(self, owner: str, name: str, value: Any) -> Tensor:
        if isinstance(value, int | float) and (name not in BOUNDS or BOUNDS[name].contains(value)):
            return torch.full((self.members,), float(value), dtype=torch.float64)
        column = torch.as_tensor(value, dtype=torch.float64).reshape(-1)
        if column.numel() not in (1, self.members):
            raise BadValue(refusal(owner, name, f"be one number, or {self.members}, one a member", column.tolist()))
        bound = BOUNDS.get(name)
        if bound is not None:
            wrong = [x for x in column.tolist() if not bound.contains(x)]
            if wrong:
                raise Faults(owner, [f"{name} must {bound.must}; got {wrong[0]!r}."])
        return column.expand(self.members)


def _plain(tensors: Sequence[Tensor]) -> bool:
    """Whether a parameter, its gradient and its state lie in memory as torch's kernels want them."""
    first = tensors[0]
    return supports(first.device, first.dtype) and all(x.is_contiguous() and x.dtype is first.dtype for x in tensors)


def _agreement(column: Tensor) -> float | None:
    """The one value that all members have, or None."""
    first = float(column[0])
    return first if bool((column == first).all()) else None


def _number(column: Tensor) -> float | PerMember:
    """One float where all members agree, which costs no broadcasting."""
    agreed = _agreement(column)
    return PerMember(column) if agreed is None else agreed


def _like(x: float | PerMember, tensor: Tensor) -> float | Tensor:
    return x.like(tensor) if isinstance(x, PerMember) else x


def _clock_like(clock: Any, tensor: Tensor) -> Any:
    """The clock with tensors in place of what differs: rules may compare its fields."""
    return type(clock)(*(_like(x, tensor) for x in clock))


def _as_tensor(value: Any) -> Any:
    return (
        torch.as_tensor(value, dtype=torch.float64)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else value
    )
