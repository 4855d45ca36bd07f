"""One optimizer at the start, another for the end: Adam to SGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.optim import Optimizer

from ravine.core.errors import BadValue, refusal
from ravine.optim.classes import CLASSES
from ravine.optim.switch_when import Criterion, Memory, beta2_of, criterion_of, projected

Rate = Literal["own", "projected"]

_SLOTS = {"first", "then", "steps", "switched_at", "factors", "memory"}


class SwitchTo(Optimizer):
    """Step with `first`, and from some point on with `then`; the learning rate carries over.

        SwitchTo(Adam(params, lr=1e-3), SGD(params, lr=0.1, momentum=0.9), at=5_000)
        SwitchTo(Adam(params), SGD(params, momentum=0.9), at="swats")

    Its groups are those of `first`, also after the switch, and schedulers belong on it: what they make of the rate of
    `first` they make of the rate of `then`. A schedule that has come down to a tenth leaves `then` with a tenth of

    - `rate="own"`: the learning rate `then` was made with;
    - `rate="projected"`: the one that the steps of `first` stand for, Λ of `switch_when.projected`, times
      (1 − momentum)/(1 − dampening) since SGD with momentum ρ goes 1/(1 − ρ) times as far (the paper's
      w ← w − (1 − β₁)·Λ·v). Groups keep the proportion of their rates. Default with `at="swats"`.

    The momentum of SGD starts at 0. The state of `first` is dropped at the switch.

    Args:
        first: The optimizer to start with.
        then: The one to end with, over the same parameters in the same groups.
        at: The number of steps `first` takes; "plateau" or `Plateau(...)`, which needs losses given to `observe`;
            "swats" or `Swats(...)`; None to switch by `switch()` alone.
        rate: "own", "projected", or None for what `at` suggests.

    Attributes:
        steps: Steps taken by both.
        switched_at: How many steps `first` took; None before the switch.

    Source: Keskar & Socher 2017, "Improving Generalization Performance by Switching from Adam to SGD",
        arXiv:1712.07628.
    """

    def __init__(self, first: Optimizer, then: Optimizer, at: Any = None, *, rate: Rate | None = None) -> None:
        for name, given in (("first", first), ("then", then)):
            if not isinstance(given, Optimizer):
                raise BadValue(refusal("switch_to", name, "be an optimizer", type(given).__name__))
        self.criterion: Criterion | None = criterion_of(at)
        suggested: Rate = "projected" if self.criterion is not None and self.criterion.projects else "own"
        self.rate: Rate = suggested if rate is None else rate
        if self.rate not in get_args(Rate):
            raise BadValue(refusal("switch_to", "rate", "be 'own', 'projected' or None", rate))
        if self.rate == "projected" and not isinstance(then, torch.optim.SGD | CLASSES["SGD"]):
            raise BadValue(
                refusal(
                    "switch_to",
                    "then",
                    "be SGD, for which the rate is projected",
                    type(then).__name__,
                    "Or rate='own'.",
                )
            )
        _check_same(first, then)
        self.first, self.then = first, then
        self.steps = 0
        self.switched_at: int | None = None
        self._memory: Memory = {}
        self._factors = [_factor(a, b) for a, b in zip(first.param_groups, then.param_groups, strict=True)]
        super().__init__(first.param_groups, first.defaults)
        self.param_groups = first.param_groups

    @property
    def active(self) -> Optimizer:
        """The one that takes the next step."""
        return self.first if self.switched_at is None else self.then

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of whichever is active.

        Args:
            closure: Handed on.

        Returns:
            What that optimizer returns.
        """
        self.steps += 1
        if self.switched_at is not None:
            self._hand_over_rates()
            return self.then.step(closure)
        watches = self.rate == "projected" or (self.criterion is not None and self.criterion.projects)
        before = [p.detach().clone() for p in self._params()] if watches else []
        loss = self.first.step(closure)
        estimate = None
        if watches:
            estimate = projected(self.steps, self._moves(before), beta2_of(self.param_groups[0]), self._memory)
        if self.criterion is not None and self.criterion.stepped(self.steps, estimate):
            self.switch()
        return loss

    def observe(self, value: Any) -> None:
        """Tell a loss, such as that of the validation set after an epoch; a plateau is one of these."""
        if (
            self.switched_at is None
            and self.criterion is not None
            and self.criterion.observed(float(value), self._memory)
        ):
            self.switch()

    def switch(self) -> None:
        """Switch now; nothing where that has happened.

        Raises:
            BadValue: The rate is to be projected, and the steps so far point uphill or there were none.
        """
        if self.switched_at is not None:
            return
        if self.rate == "projected":
            found = self._memory.get("rate")
            if found is None or found <= 0:
                raise BadValue(
                    "switch_to: the steps so far do not go down the gradient, so no rate of SGD stands for them "
                    f"(found {found!r}). Use rate='own'."
                )
            self._factors = [found / self._largest_rate() * _coasting(group) for group in self.then.param_groups]
        self.switched_at = self.steps
        self._drop_first()
        self._hand_over_rates()

    def _drop_first(self) -> None:
        """Free what `first` remembers; its groups stay, for schedulers."""
        held = self.first.state_dict()
        if "state" in held:
            self.first.load_state_dict({**held, "state": {}})
        self.param_groups = self.first.param_groups

    def _hand_over_rates(self) -> None:
        for ours, theirs, factor in zip(self.param_groups, self.then.param_groups, self._factors, strict=True):
            rate = float(ours["lr"]) * factor
            if isinstance(theirs["lr"], Tensor):
                theirs["lr"].fill_(rate)
            else:
                theirs["lr"] = rate

    def _largest_rate(self) -> float:
        return max(float(group["lr"]) for group in self.param_groups)

    def _moves(self, before: list[Tensor]) -> Iterator[tuple[Tensor, Tensor, float]]:
        """Of each parameter with a gradient: its step, the gradient, its share of the largest rate."""
        largest = self._largest_rate()
        old = iter(before)
        for group in self.param_groups:
            share = float(group["lr"]) / largest if largest else 0.0
            for p in group["params"]:
                start = next(old)
                if p.grad is not None:
                    uphill = p.grad.to_dense() if p.grad.is_sparse else p.grad
                    yield p.detach() - start, -uphill if group.get("maximize") else uphill, share

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    # What torch.optim.Optimizer promises

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to both; arguments other than 'params' are those of `first`."""
        if not any(param_group is group for group in self.first.param_groups):
            self.first.add_param_group(param_group)
            ours = self.first.param_groups[-1]
            self.then.add_param_group({"params": list(ours["params"])})
            factor = _factor(ours, self.then.param_groups[-1])
            if self.switched_at is not None and self.rate == "projected":
                factor = self._factors[0]
            self._factors.append(factor)
        self.param_groups = self.first.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        self.first.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The state of both, and where the switch is."""
        return {
            "first": self.first.state_dict(),
            "then": self.then.state_dict(),
            "steps": self.steps,
            "switched_at": self.switched_at,
            "factors": list(self._factors),
            "memory": dict(self._memory),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up where `state_dict` left off, before or after the switch.

        Raises:
            BadValue: It was not saved by this kind of optimizer, or is for other groups.
        """
        if set(state_dict) != _SLOTS:
            raise BadValue(
                f"switch_to: a state_dict has {', '.join(sorted(_SLOTS))}; got {sorted(state_dict)}. "
                "To take over the state of one alone, load it into .first or .then."
            )
        if len(state_dict["factors"]) != len(self._factors):
            raise BadValue(
                f"switch_to: the state is for {len(state_dict['factors'])} groups; this optimizer has "
                f"{len(self._factors)}. Build it over the same model, with the same groups."
            )
        self.first.load_state_dict(state_dict["first"])
        self.then.load_state_dict(state_dict["then"])
        self.param_groups = self.first.param_groups
        self.steps, self.switched_at = state_dict["steps"], state_dict["switched_at"]
        self._factors, self._memory = list(state_dict["factors"]), dict(state_dict["memory"])

    def __getstate__(self) -> dict[str, Any]:
        own = ("criterion", "rate", "first", "then", "steps", "switched_at", "_memory", "_factors")
        return {**super().__getstate__(), **{name: getattr(self, name) for name in own}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.param_groups = self.first.param_groups


def _check_same(first: Optimizer, then: Optimizer) -> None:
    ours, theirs = ([[id(p) for p in g["params"]] for g in o.param_groups] for o in (first, then))
    if ours != theirs:
        raise BadValue(
            "switch_to: first and then must have the same parameters in the same groups; got groups of "
            f"{[len(g) for g in ours]} and {[len(g) for g in theirs]}. Give both the same list."
        )
    if any(a is b for a, b in zip(first.param_groups, then.param_groups, strict=True)):
        raise BadValue(
            "switch_to: first and then share their groups, so the arguments of one are in force for both. "
            "Give each its own: Adam(groups), SGD([{'params': g['params']} for g in groups])."
        )
    for name, optimizer in (("first", first), ("then", then)):
        if any("lr" not in group for group in optimizer.param_groups):
            raise BadValue(
                f"switch_to: {name}, {type(optimizer).__name__}, must have a learning rate to carry over; it has none."
            )


def _factor(first: Mapping[str, Any], then: Mapping[str, Any]) -> float:
    """The rate of `then` in units of that of `first`, both before any schedule."""
    ours, theirs = (float(group.get("initial_lr", group["lr"])) for group in (first, then))
    if not ours > 0:
        raise BadValue(
            refusal("switch_to", "lr of first", "be above 0", ours, "The rate of then follows it through schedules.")
        )
    return theirs / ours


def _coasting(group: Mapping[str, Any]) -> float:
    """What a learning rate is multiplied by so that with momentum SGD goes as far as without."""
    return float((1.0 - group["momentum"]) / (1.0 - group["dampening"]))
