"""Another activation in a network that exists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue
from ravine.initialize.activations import ACTIVATIONS, activation_module, is_activation

_ENCODERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
"""Layers of torch that hold their activation as a plain attribute."""


def swap_activation(model: nn.Module, name: str, where: str | None = None, **settings: Any) -> list[str]:
    """Put the activation called `name` in the place of those that `model` has.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 2), nn.Sigmoid())
    >>> swap_activation(model, "leaky_relu", negative_slope=0.2)
    ['1']
    >>> model[1]
    LeakyReLU(negative_slope=0.2, inplace=True)

    Seen are activations that are modules, and the `activation` of torch's transformer layers. One
    that ends the `nn.Sequential` that is the whole network gives its answer and stays, unless
    `where` names it. Modules used at several places stay shared. What worked in place goes on doing
    so where the new one can. Weights are as they were: `ravine.initialize.apply` gives them values
    that suit the new activation.

    Args:
        model: Any network; changed in place.
        name: A name in `ACTIVATIONS`.
        where: Names with wildcards, between commas: "encoder.*, head.1"; None for all.
        **settings: Of the new module: `negative_slope=0.2`, `num_parameters=64`.

    Returns: Dotted names of what was replaced, in the network's order.

    Raises:
        BadValue: An unknown name or setting; nothing to replace.
    """
    activation_module(name, settings)  # refused before anything is changed
    places = [place for place in _places(model) if _meant(place[2], where)]
    last = None if where else _answer(model)
    places = [place for place in places if _at(place) is not last or last is None]
    if not places:
        raise BadValue(_nothing(model, where))
    fresh: dict[int, nn.Module] = {}
    for parent, key, _ in places:
        old = getattr(parent, key)
        if id(old) not in fresh or not isinstance(old, nn.Module):
            fresh[id(old)] = _like(old, parent, model, name, settings)
        new = fresh[id(old)]
        setattr(parent, key, new)
        if isinstance(parent, nn.TransformerEncoderLayer):
            # what torch's fused path asks before it takes the place of the layer
            parent.activation_relu_or_gelu = {nn.ReLU: 1, nn.GELU: 2}.get(type(new), 0)
    return [dotted for _, _, dotted in places]


Place = tuple[nn.Module, str, str]
"""Who holds an activation, under which key, and its dotted name."""


def _places(model: nn.Module) -> Iterator[Place]:
    for dotted, parent in model.named_modules():
        held: dict[str, Any] = {key: child for key, child in parent._modules.items() if child is not None}
        if isinstance(parent, _ENCODERS):
            held["activation"] = parent.activation
        for key, value in held.items():
            encoders_own = isinstance(parent, _ENCODERS) and key == "activation"
            if encoders_own or is_activation(value):
                yield parent, key, f"{dotted}.{key}" if dotted else key


def _at(place: Place) -> Any:
    return getattr(place[0], place[1])


def _answer(model: nn.Module) -> nn.Module | None:
    """The last module of the chain that is the whole network."""
    part = model
    while isinstance(part, nn.Sequential) and len(part):
        part = part[-1]
    return part if part is not model else None


def _like(old: Any, parent: nn.Module, model: nn.Module, name: str, settings: dict[str, Any]) -> nn.Module:
    """The new activation, in the mode, place and dtype of the old."""
    if getattr(old, "inplace", False) and "inplace" not in settings and _can_be_in_place(name):
        settings = {**settings, "inplace": True}
    new = activation_module(name, settings).train(parent.training)
    near = next(itertools.chain(parent.parameters(), model.parameters()), None)
    return new if near is None else new.to(near.device, near.dtype if near.is_floating_point() else None)


def _can_be_in_place(name: str) -> bool:
    return "inplace" in ACTIVATIONS[name].make.__init__.__code__.co_varnames


def _meant(dotted: str, where: str | None) -> bool:
    return where is None or any(fnmatchcase(dotted, pattern.strip()) for pattern in where.split(","))


def _nothing(model: nn.Module, where: str | None) -> str:
    kind = type(model).__name__
    if is_activation(model):
        return f"swap_activation: the network is nothing but a {kind}. Build the other one: it has no place to be put."
    known = [dotted for _, _, dotted in _places(model)]
    if where is not None and known:
        near = did_you_mean(where, known)
        return f"swap_activation: the {kind} has no activation called {where!r}.{near} It has: {', '.join(known)}."
    if known:
        return (
            f"swap_activation: the only activation of the {kind}, {known[0]!r}, gives its answer. "
            f"Name it to replace it all the same: where={known[0]!r}."
        )
    return (
        f"swap_activation: the {kind} has no activation that is a module. Functional calls inside forward, such as "
        "F.relu(x), cannot be seen: write self.activation = nn.ReLU() and call that."
    )
