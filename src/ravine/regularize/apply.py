"""A technique on a network that exists, and off again."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, refusal
from ravine.regularize.technique import LayerTechnique

Where = type[nn.Module] | tuple[type[nn.Module], ...] | str | Callable[[str, nn.Module], bool] | None
"""Which layers: a type or several, names with wildcards ("encoder.*, head"), a question; None: where it suits."""

_ATTACHED = "_ravine_attached"

_NEVER_CALLED = nn.modules.linear.NonDynamicallyQuantizableLinear
"""The projection inside MultiheadAttention: attention reads its weight and never calls it."""


def apply(model: nn.Module, technique: LayerTechnique, where: Where = None) -> list[str]:
    """Put `technique` on layers of `model`, in place.

    >>> from torch import nn
    >>> from ravine.regularize import DropConnect, apply, remove
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> apply(model, DropConnect(0.2), where=nn.Linear)
    ['0', '2']
    >>> remove(model)
    ['0', '2']

    The `out_proj` of a MultiheadAttention is never meant: attention reads its weight without calling
    it. What changes weights is put on the attention as a whole.

    Args:
        model: Any network.
        technique: What to put on.
        where: Which layers; None leaves it to the technique.

    Returns: Names of the layers changed, in the network's order; "" is the network itself.

    Raises:
        BadValue: No layer is meant, one has the technique already, or one cannot take it; nothing is changed.
    """
    _check(technique, where)
    called = {name: layer for name, layer in model.named_modules() if not isinstance(layer, _NEVER_CALLED)}
    if isinstance(where, str):
        for pattern in _patterns(where):
            if not any(fnmatchcase(name, pattern) for name in called):
                kind = type(model).__name__
                near = did_you_mean(pattern, called)
                raise BadValue(f"{technique.name}: no layer of the {kind} is called {pattern!r}.{near}")
    # The technique sees the whole network to find its places: a hidden layer is told from the head.
    places = technique.places(model) if where is None else called
    layers = {name: layer for name, layer in called.items() if name in places and _meant(where, name, layer)}
    if not layers:
        raise BadValue(f"{technique.name}: no layer of the {type(model).__name__} is {_words(where)}.")
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
    stacks: dict[str, list[LayerTechnique]] = {}
    layers = dict(model.named_modules())
    for place, layer in layers.items():
        carried = [technique for known, technique in attached(layer).items() if name is None or known == name]
        if carried:
            stacks[place] = carried
    changed = [place for place in layers if place in stacks]
    # The latest comes off first, so that what lay below is found as it was.
    while stacks:
        technique, places = _topmost(stacks)
        technique.detach({place: layers[place] for place in places})
        for place in places:
            kept = layers[place].__dict__[_ATTACHED]
            del kept[technique.name]
            if not kept:
                del layers[place].__dict__[_ATTACHED]
            stacks[place].pop()
            if not stacks[place]:
                del stacks[place]
    return changed


def attached(layer: nn.Module) -> dict[str, LayerTechnique]:
    """What `layer` carries, by name, oldest first."""
    carried: dict[str, LayerTechnique] = layer.__dict__.get(_ATTACHED, {})
    return carried


def _topmost(stacks: dict[str, list[LayerTechnique]]) -> tuple[LayerTechnique, list[str]]:
    """A technique and the layers where it lies on top: on all of its layers, if there is such a one."""
    tops = {id(stack[-1]): stack[-1] for stack in stacks.values()}
    found = []
    for technique in tops.values():
        on_top = [place for place, stack in stacks.items() if stack[-1] is technique]
        if not any(technique is below for stack in stacks.values() for below in stack[:-1]):
            return technique, on_top
        found.append((technique, on_top))
    return found[0]


def _check(technique: LayerTechnique, where: Where) -> None:
    """Refuse what is no technique for layers, and what names no layers."""
    given: object = technique  # callers without a type checker give anything
    if not isinstance(given, LayerTechnique):
        name = getattr(technique, "name", type(technique).__name__)
        remedy = ""
        if hasattr(technique, "for_optimizer"):
            remedy = " It is carried out by the optimizer: pass it for_optimizer() as arguments."
        raise BadValue(f"apply: {name} is no technique that acts on layers.{remedy}")
    several = isinstance(where, tuple) and bool(where) and all(isinstance(kind, type) for kind in where)
    if not (
        where is None or several or isinstance(where, str) or (callable(where) and not isinstance(where, nn.Module))
    ):
        must = "be a type of layer or a tuple of types, names with wildcards, a function, or None"
        raise BadValue(refusal("apply", "where", must, where))


def _patterns(where: str) -> list[str]:
    return [pattern.strip() for pattern in where.split(",")]


def _meant(where: Where, name: str, layer: nn.Module) -> bool:
    if where is None:
        return True
    if isinstance(where, str):
        return any(fnmatchcase(name, pattern) for pattern in _patterns(where))
    if isinstance(where, type | tuple):
        return isinstance(layer, where)
    return where(name, layer)


def _words(where: Where) -> str:
    if where is None:
        return "of a kind that it acts on"
    if isinstance(where, type):
        return f"a {where.__name__}"
    if isinstance(where, tuple):
        return "a " + " or ".join(kind.__name__ for kind in where)
    return "what `where` asks for"
