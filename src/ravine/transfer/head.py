"""The head of a pretrained network: found, and replaced by one for another question."""

from __future__ import annotations

from torch import nn

from ravine.core.errors import BadValue
from ravine.initialize import find_head


def name_of_head(model: nn.Module, owner: str = "transfer") -> str:
    """Dotted name of the layer that gives the answer.

    Raises:
        BadValue: There is no linear layer.
    """
    head = find_head(model)
    if head is None:
        raise BadValue(f"{owner}: {type(model).__name__} has no linear layer that could be its head.")
    named: dict[int, str] = {id(module): name for name, module in model.named_modules()}
    return named[id(head)]


def fit_head(model: nn.Module, outputs: int, owner: str = "transfer") -> nn.Linear:
    """Give `model` a head with `outputs` outputs, in place; one that has as many already is left as it is.

    Everything else keeps its values.

    Returns: The head.

    Raises:
        BadValue: There is no head to replace, or it is the whole network.
    """
    name = name_of_head(model, owner)
    old = model.get_submodule(name)
    assert isinstance(old, nn.Linear)
    return old if old.out_features == outputs else replace_head(model, outputs, owner)


def replace_head(model: nn.Module, outputs: int, owner: str = "transfer") -> nn.Linear:
    """Put a new head with `outputs` outputs and fresh values in place of the old one, whatever its width.

    Raises:
        BadValue: There is no head to replace, or it is the whole network.
    """
    name = name_of_head(model, owner)
    if not name:
        raise BadValue(f"{owner}: the network is one linear layer: without its head nothing is left of it.")
    old = model.get_submodule(name)
    assert isinstance(old, nn.Linear)
    weight = old.weight
    new = nn.Linear(old.in_features, outputs, bias=old.bias is not None, device=weight.device, dtype=weight.dtype)
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, new)
    return new
