"""The members of a race: those of one rule stepped as one stack, the others each by an optimizer of its own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from ravine.landscape.entries import Entry
from ravine.landscape.surfaces import Surface
from ravine.optim.classes import OPTIMIZERS
from ravine.optim.driver import RuleOptimizer
from ravine.optim.stacked import Stacked
from ravine.optim.torch_words import arguments, class_of
from ravine.optim.wrapped import SAM, Lookahead


class Member(NamedTuple):
    """One path of a race: a contestant at one learning rate."""

    entry: Entry
    lr: float


class Crew(Protocol):
    """Members that are stepped together."""

    places: list[int]  # which rows of the race's points are theirs

    def step(self, points: Tensor, gradients: Tensor) -> None:
        """Take one step from `points` with `gradients`, both (members of the race, 2), in place on their rows."""

    def answers(self, points: Tensor) -> Tensor:
        """Where the members stand when asked for their answer, shape (their number, 2)."""


class Stack:
    """All members of one rule with the same options, as one tensor."""

    def __init__(self, members: Sequence[Member], places: Sequence[int], points: Tensor) -> None:
        self.places = list(places)
        self.rule = members[0].entry.rule
        given = {name for member in members for name in member.entry.values} - {"weight_decay"}  # own, and by default
        whole = [self.rule.values(member.entry.values) for member in members]
        self.values: dict[str, Any] = {
            name: [values[name] for values in whole] if name in self.rule.bounds else whole[0][name] for name in given
        }
        self.points = points[self.places].clone()
        self.stacked = Stacked(
            self.rule,
            [self.points],
            lr=[member.lr for member in members],
            weight_decay=[member.entry.weight_decay for member in members],
            **self.values,
        )

    def step(self, points: Tensor, gradients: Tensor) -> None:
        """See `Crew`."""
        self.stacked.step([gradients[self.places]])
        points[self.places] = self.points

    def answers(self, points: Tensor) -> Tensor:
        """See `Crew`; an averaging rule answers with its average."""
        if self.rule.evaluated is None or self.stacked.steps == 0:
            return points[self.places]
        whole = self.rule.values(self.values)
        columns = {name: _column(whole[name]) for name in _keywords(self.rule.evaluated)}
        answered: Tensor = self.rule.evaluated(self.points, self.stacked.state[0], **columns)
        return answered


class Alone:
    """One member with an optimizer of its own: it sees whole tensors, or needs the loss again at another point."""

    def __init__(self, member: Member, place: int, points: Tensor, surface: Surface) -> None:
        self.places = [place]
        self.surface = surface
        shape = (1, 2) if member.entry.rule.matrices else (2,)
        self.p = points[place].clone().reshape(shape).requires_grad_()
        self.inner, self.optimizer = _made(member, self.p)

    def step(self, points: Tensor, gradients: Tensor) -> None:
        """See `Crew`. What needs the loss at another point asks the surface for it."""
        if isinstance(self.optimizer, SAM):
            self.optimizer.step(self._closure)
        else:
            self.p.grad = gradients[self.places[0]].reshape(self.p.shape)
            self.optimizer.step()
        points[self.places] = self.p.detach().reshape(1, 2)

    def answers(self, points: Tensor) -> Tensor:  # noqa: ARG002 (one signature for all crews)
        """See `Crew`."""
        self.inner.eval()
        answered = self.p.detach().clone().reshape(1, 2)
        self.inner.train()
        return answered

    def _closure(self) -> Tensor:
        point = self.p.detach().reshape(2)
        self.p.grad = self.surface.gradient(point).reshape(self.p.shape)
        return self.surface(point)


def crews(members: Sequence[Member], points: Tensor, surface: Surface) -> list[Crew]:
    """The members in as few crews as can be; each knows which rows of `points`, (members, 2), are its own."""
    stacks: dict[tuple[Any, ...], list[int]] = {}
    found: list[Crew] = []
    for place, member in enumerate(members):
        rule, values = member.entry.rule, member.entry.values
        if member.entry.stackable:
            options = tuple(sorted((name, repr(value)) for name, value in values.items() if name in rule.options))
            stacks.setdefault((rule.name, options), []).append(place)
        else:
            found.append(Alone(member, place, points, surface))
    found += [Stack([members[place] for place in places], places, points) for places in stacks.values()]
    return found


def _made(member: Member, p: Tensor) -> tuple[RuleOptimizer, Optimizer]:
    """The rule's optimizer over `p`, and what is to be stepped: itself, or what goes around it."""
    entry = member.entry
    family, given = class_of(entry.rule)
    given = {"weight_decay": entry.weight_decay, **given, **arguments(family, entry.rule, entry.values)}
    inner = OPTIMIZERS[family.key]([p], lr=member.lr, engine="eager", **given)
    if entry.wrapper is None:
        return inner, inner
    around = {"lookahead": Lookahead, "sam": SAM}[entry.wrapper.name]
    return inner, around(inner, **entry.wrapping)


def _column(value: Any) -> Any:
    return torch.tensor(value, dtype=torch.float64).reshape(-1, 1) if isinstance(value, list) else value


def _keywords(function: Any) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
