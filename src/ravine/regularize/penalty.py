"""What a penalty on parameters is: the same one as a term of the loss, a gradient, and a proximal step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import ClassVar

import torch
from torch import Tensor, nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, refusal

Parameters = nn.Module | Iterable[Tensor] | Iterable[tuple[str, Tensor]]
"""A network; tensors; or names and tensors, as `named_parameters()` gives them."""


class Penalty(ABC):
    """R(w) on chosen parameters, in the three readings there are.

    - *In the loss*: `loss + penalty(model)`; autograd adds the gradient, and whatever the optimizer does to gradients
      (momentum, division by √v) it does to the penalty's as well.
    - *As a gradient*: `add_gradient(model)` after the backward pass; the same numbers without a graph.
    - *Proximal*: the step is taken without the penalty, then `proximal_step(model, lr)` moves each
      weight to  argmin_w  R(w) + (w − w₀)²/(2·lr).

    The first two always coincide. The third agrees with them to first order in the rate for plain
    SGD, and with no other optimizer: momentum and Adam never see it.

    Attributes:
        where: Names of parameters with wildcards, "*.weight, head.*"; None chooses, of a network, what
            has two or more dimensions (weights; biases and scales are spared), else everything given.
    """

    name: ClassVar[str]
    where: str | None

    @abstractmethod
    def of(self, weight: Tensor) -> Tensor:
        """R of one tensor (*), a scalar; differentiable."""

    @abstractmethod
    def gradient(self, weight: Tensor) -> Tensor:
        """dR/dw, (*) → (*); at a kink the subgradient that is smallest."""

    @abstractmethod
    def proximal(self, weight: Tensor, lr: float) -> Tensor:
        """argmin_w R(w) + (w − weight)²/(2·lr), (*) → (*)."""

    @abstractmethod
    def for_optimizer(self) -> dict[str, float]:
        """The arguments with which optimizers of `ravine.optim` carry it out."""

    def penalty(self, parameters: Parameters) -> Tensor:
        """Σ R over the parameters chosen, a scalar with a graph.

        Args:
            parameters: A network, tensors, or names and tensors.
        """
        terms = [self.of(weight) for _, weight in self.chosen(parameters)]
        device = terms[0].device
        return torch.stack([term.to(device) for term in terms]).sum()

    @torch.no_grad()
    def add_gradient(self, parameters: Parameters) -> None:
        """Add dR/dw to the gradients of the parameters chosen, in place; one without a gradient gets it."""
        for _, weight in self.chosen(parameters):
            slope = self.gradient(weight)
            weight.grad = slope if weight.grad is None else weight.grad.add_(slope)

    @torch.no_grad()
    def proximal_step(self, parameters: Parameters, lr: float) -> None:
        """Move the parameters chosen by the proximal map, in place; after the optimizer's step, with its rate."""
        for _, weight in self.chosen(parameters):
            weight.copy_(self.proximal(weight, lr))

    def chosen(self, parameters: Parameters) -> list[tuple[str, Tensor]]:
        """The parameters it is on, with their names ("" where none was given).

        Raises:
            BadValue: There are none, or names are asked for and not there.
        """
        return chosen(self.name, parameters, self.where)


def chosen(owner: str, parameters: Parameters, where: str | None) -> list[tuple[str, Tensor]]:
    """The parameters named by `where`, with their names; shared ones once."""
    if isinstance(parameters, Tensor):
        raise BadValue(refusal(owner, "parameters", "be a network or several tensors", "one tensor", "Use of(tensor)."))
    named = _named(owner, parameters)
    if where is not None:
        named = _matching(owner, named, where)
    elif isinstance(parameters, nn.Module):
        named = [(name, p) for name, p in named if p.ndim >= 2]
    if not named:
        remedy = "Name them: where='*'." if isinstance(parameters, nn.Module) else ""
        raise BadValue(f"{owner}: there are no parameters to act on. {remedy}".strip())
    return named


def _named(owner: str, parameters: Parameters) -> list[tuple[str, Tensor]]:
    if isinstance(parameters, nn.Module):
        return list(parameters.named_parameters())
    found: list[tuple[str, Tensor]] = []
    for given in parameters:
        name, value = given if isinstance(given, tuple) else ("", given)
        if not isinstance(value, Tensor):
            raise BadValue(refusal(owner, "parameters", "be tensors", type(value).__name__))
        found.append((name, value))
    return found


def _matching(owner: str, named: list[tuple[str, Tensor]], where: str) -> list[tuple[str, Tensor]]:
    names = [name for name, _ in named]
    if named and not any(names):
        raise BadValue(f"{owner}: where={where!r} needs names. Give the network, or its named_parameters().")
    patterns = [pattern.strip() for pattern in where.split(",")]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BadValue(f"{owner}: no parameter is called {pattern!r}.{did_you_mean(pattern, names)}")
    return [(name, p) for name, p in named if any(fnmatchcase(name, pattern) for pattern in patterns)]
