"""A technique on a network that exists, and off again."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue
from ravine.regularize.technique import LayerTechnique

Where = type[nn.Module] | tuple[type[nn.Module], ...] | str | Callable[[str, nn.Module], bool] | None
"""Which layers: a type or several, names with wildcards ("encoder.*, head"), a question; None: where it suits."""

_ATTACHED = "_ravine_attached"


def apply(model: nn.Module, technique: LayerTechnique, where: Where = None) -> list[str]:
    """Put `technique` on layers of `model`, in place.

    >>> from torch import nn
    >>> from ravine.regularize import DropConnect, apply, remove
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> apply(model, DropConnect(0.2), where=nn.Linear)
    ['0', '2']
    >>> remove(model)
    ['0', '2']

    Args:
        model: Any network.
        technique: What to put on.
        where: Which layers; None leaves it to the technique.

    Returns: Names of the layers changed, in the network's order; "" is the network itself.

    Raises:
        BadValue: No layer is meant, one has the technique already, or one cannot take it; nothing is changed.
    """
    layers = {name: layer for name, layer in model.named_modules() if _meant(where, technique, name, layer)}
    if not layers:
        raise BadValue(
            f"{technique.name}: no layer of the {type(model).__name__} is {_words(where)}.{_near(model, where)}"
        )
    for name, layer in layers.items():
        if technique.name in attached(layer):
            raise BadValue(f"{technique.name}: layer {name!r} has it already. Take it off first: remove(model).")
    technique.attach(layers)
    for layer in layers.values():
        layer.__dict__.setdefault(_ATTACHED, {})[technique.name] = technique
    return list(layers)


def remove(model: nn.Module, name: str | None = None) -> list[str]:
    """Take what `apply` put on off again: everything, or the technique called `name`.

    Returns: Names of the layers that are as they were; empty when there was nothing to take off.
    """
    changed: set[str] = set()
    groups: dict[tuple[str, int], tuple[LayerTechnique, dict[str, nn.Module]]] = {}
    for place, layer in model.named_modules():
        # The latest comes off first, so that what lay below is found as it was.
        for known, technique in reversed(attached(layer).items()):
            if name is None or known == name:
                groups.setdefault((known, id(technique)), (technique, {}))[1][place] = layer
    for technique, layers in groups.values():
        technique.detach(layers)
        for place, layer in layers.items():
            kept = layer.__dict__[_ATTACHED]
            del kept[technique.name]
            if not kept:
                del layer.__dict__[_ATTACHED]
            changed.add(place)
    return [place for place, _ in model.named_modules() if place in changed]


def attached(layer: nn.Module) -> dict[str, LayerTechnique]:
    """What `layer` carries, by name, oldest first."""
    carried: dict[str, LayerTechnique] = layer.__dict__.get(_ATTACHED, {})
    return carried


def _meant(where: Where, technique: LayerTechnique, name: str, layer: nn.Module) -> bool:
    if where is None:
        return technique.suits(name, layer)
    if isinstance(where, str):
        return any(fnmatchcase(name, pattern.strip()) for pattern in where.split(","))
    if isinstance(where, type | tuple):
        return isinstance(layer, where)
    return where(name, layer)


def _words(where: Where) -> str:
    if where is None:
        return "of a kind that it acts on"
    if isinstance(where, str):
        return f"called {where!r}"
    if isinstance(where, type):
        return f"a {where.__name__}"
    if isinstance(where, tuple):
        return "a " + " or ".join(kind.__name__ for kind in where)
    return "what `where` asks for"


def _near(model: nn.Module, where: Where) -> str:
    return did_you_mean(where, [name for name, _ in model.named_modules()]) if isinstance(where, str) else ""
