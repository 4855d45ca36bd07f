"""What a family of networks is, and what it is told when one is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from ravine.core.errors import BadValue, refusal
from ravine.core.shapes import Form, InputShape
from ravine.core.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a network of one family is."""

    width: int
    depth: int
    dropout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a family: everything a network depends on but its random numbers."""

    shape: InputShape
    outputs: int
    size: Size
    activation: str = "relu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The record of one family.

    Attributes:
        name: Its one public name.
        make: An order → a network with its answer's layer under `head`.
        size: (shape, outputs, rows) → the size that suits so much data.
        forms: The kinds of rows it takes.
        source: Where it comes from.
    """

    name: str
    make: Callable[[Order], nn.Module]
    size: Callable[[InputShape, int, int], Size]
    forms: tuple[Form, ...]
    source: Source


def check_order(name: str, order: Order) -> None:
    """Refuse sizes that no network can have."""
    for what, value in (("width", order.size.width), ("depth", order.size.depth), ("outputs", order.outputs)):
        if value < 1:
            raise BadValue(refusal(name, what, "be at least 1", value))
    if not 0 <= order.size.dropout < 1:
        raise BadValue(refusal(name, "dropout", "be in [0, 1)", order.size.dropout))
