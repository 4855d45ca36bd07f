"""Optimizers around optimizers: Lookahead and SAM, over any `torch.optim.Optimizer`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from ravine.core.errors import BadValue, refusal
from ravine.rules import WRAPPERS, Wrapper
from ravine.rules.checking import check_hyperparameters


class Wrapped(Optimizer):
    """An optimizer that does something before or after the steps of `base`, and shares its groups.

    Schedulers work on either of the two. `state_dict` holds the state of both.
    """

    wrapper: ClassVar[Wrapper]

    def __init__(self, base: Optimizer, **values: Any) -> None:
        owner = self.wrapper.name
        if not isinstance(base, Optimizer):
            raise BadValue(
                refusal(owner, "base", "be an optimizer", type(base).__name__, "Make one first, such as AdamW(params).")
            )
        check_hyperparameters(self.wrapper, **values)
        self.base = base
        self.values = {**self.wrapper.defaults, **values}
        self.steps = 0
        super().__init__(base.param_groups, base.defaults)
        self.param_groups = base.param_groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, to `base` as well."""
        if not any(param_group is group for group in self.base.param_groups):
            self.base.add_param_group(param_group)
        self.param_groups = self.base.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        self.base.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The state of both, by the order of the parameters."""
        held = {place: dict(self.state[p]) for place, p in enumerate(self._params()) if p in self.state}
        return {"base": self.base.state_dict(), "steps": self.steps, "state": held}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadValue: It was not saved by this kind of optimizer.
        """
        if set(state_dict) != {"base", "steps", "state"}:
            raise BadValue(
                f"{self.wrapper.name}: a state_dict has 'base', 'steps' and 'state'; got {sorted(state_dict)}. "
                "To take over the state of the base alone, load it into .base."
            )
        self.base.load_state_dict(state_dict["base"])
        self.param_groups = self.base.param_groups
        self.steps = int(state_dict["steps"])
        self.state.clear()
        for place, p in enumerate(self._params()):
            held = state_dict["state"].get(place)
            if held is not None:
                self.state[p] = {name: value.detach().to(p, copy=True) for name, value in held.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "base": self.base, "values": self.values, "steps": self.steps}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.param_groups = self.base.param_groups

    def _params(self) -> list[Tensor]:
        return [p for group in self.base.param_groups for p in group["params"]]


class Lookahead(Wrapped):
    """Every `k` steps of `base`, go a part of the way only: slow ← slow + α(p − slow); p ← slow.

    Args:
        base: The optimizer that takes the fast steps.
        k: Fast steps between two slow ones.
        alpha: α, how far the slow weights go towards the fast ones.

    Source: Zhang et al. 2019, Algorithm 1.
    """

    wrapper = WRAPPERS["lookahead"]

    def __init__(self, base: Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        super().__init__(base, k=k, alpha=alpha)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of `base`, and after every k-th the meeting with the slow weights."""
        after, due, state_type = self.wrapper.after, self.wrapper.due, self.wrapper.state
        assert after is not None
        assert due is not None
        with torch.no_grad():
            for p in self._params():
                if p not in self.state:
                    self.state[p] = {"slow": p.detach().clone()}
        loss = self.base.step(closure)
        self.steps += 1
        if due(self.steps, k=self.values["k"]):
            with torch.no_grad():
                for p in self._params():
                    moved, held = after(p, state_type(**self.state[p]), alpha=self.values["alpha"])
                    for name, value in held._asdict().items():
                        self.state[p][name].copy_(value)
                    p.copy_(moved)
        return loss


class SAM(Wrapped):
    """Step `base` with the gradient from where the loss is worst within `rho`.

    `step` needs a closure that zeroes the gradients, computes the loss, calls backward and returns
    the loss; it is called twice.

    Args:
        base: The optimizer that takes the step.
        rho: ρ, radius of the neighbourhood, in the unit of the parameters.
        adaptive: Scale the neighbourhood by each weight (ASAM); ρ is then about ten times larger.

    Source: Foret et al. 2021; adaptive: Kwon et al. 2021.
    """

    wrapper = WRAPPERS["sam"]

    def __init__(self, base: Optimizer, rho: float = 0.05, adaptive: bool = False) -> None:
        super().__init__(base, rho=rho, adaptive=adaptive)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Climb, take the gradient there, come back, and step.

        Returns:
            The loss before the climb.

        Raises:
            BadValue: There is no closure.
        """
        if closure is None:
            raise BadValue(
                "sam: step needs a closure, since it takes two gradients: "
                "def closure(): optimizer.zero_grad(); loss = ...; loss.backward(); return loss"
            )
        with torch.enable_grad():
            loss = closure()
        kept = self._climb()
        try:
            with torch.enable_grad():
                closure()
        finally:
            with torch.no_grad():
                for p, value in kept:
                    p.copy_(value)
        self.base.step()
        self.steps += 1
        return loss

    @torch.no_grad()
    def _climb(self) -> list[tuple[Tensor, Tensor]]:
        """Move every parameter uphill; the parameters with copies of what they were."""
        before, measure = self.wrapper.before, self.wrapper.measure
        assert before is not None
        assert measure is not None
        moved = [(p, p.grad) for p in self._params() if p.grad is not None]
        if not moved:
            return []
        adaptive = self.values["adaptive"]
        home = moved[0][0].device
        parts = torch.stack([measure(g, p, adaptive=adaptive).to(home) for p, g in moved])
        length = parts.sum().sqrt()
        kept = [(p, p.detach().clone()) for p, _ in moved]
        for p, g in moved:
            p.add_(before(g, p, length.to(p.device), rho=self.values["rho"], adaptive=adaptive))
        return kept
