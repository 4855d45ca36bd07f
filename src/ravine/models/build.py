"""A network by name, sized to the data, with its first weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ravine.core.errors import BadValue, refusal
from ravine.core.shapes import InputShape
from ravine.initialize import apply
from ravine.models.catalogue import FAMILIES
from ravine.models.choose import choose
from ravine.models.family import Family, Order, Size, check_order
from ravine.models.outside import build_outside, is_outside
from ravine.regularize import swap_norm

Auto = Literal["auto"]


@dataclass(frozen=True, slots=True)
class Built:
    """A network and what is to be said of it.

    Attributes:
        module: In training mode, on the CPU, float32. Ravine's own families hold the layer of the
            answer under `head`; `ravine.initialize.find_head` finds it in any network.
        name: "mlp", "convnet", …, or "file.py:function", "timm:NAME".
        size: How large; None for networks from outside.
        reason: Why this one and this size, for people.
        initialization: What the first weights are, for people.
    """

    module: nn.Module
    name: str
    size: Size | None
    reason: str
    initialization: str


def build(
    name: str,
    shape: InputShape,
    outputs: int,
    *,
    rows: int,
    width: int | Auto = "auto",
    depth: int | Auto = "auto",
    dropout: float | Auto = "auto",
    activation: str = "relu",
    norm: str = "auto",
    initialization: str = "auto",
    seed: int = 0,
    task_kind: str = "classify",  # noqa: ARG001 (part of the contract with recipes)
) -> Built:
    """The network called `name` for rows of `shape`.

    The same arguments give the same weights, bit for bit; the global random state is left as it was.

    Args:
        name: "auto", a family (mlp, convnet, resnet, gru, transformer), "file.py:function" or "timm:NAME".
        shape: The fields of one prepared row.
        outputs: How many numbers the network gives for a row.
        rows: Training rows, for the size.
        width: Units or channels of the first layer.
        depth: Layers, stages or blocks; the family's docstring says which.
        dropout: Share of units dropped in training.
        activation: relu, gelu, tanh, …: a name in `ravine.initialize.ACTIVATIONS`.
        norm: What its normalizations are swapped for, a name in `ravine.regularize.NORMS`; "auto" leaves them.
        initialization: A scheme for every weight, a name in `ravine.initialize.SCHEMES`; "auto" goes by the
            activation, and leaves networks from outside as they come. "lsuv" starts the same, and is finished by
            `ravine.initialize.lsuv` with a batch.
        seed: Of the weights.
        task_kind: "classify", "regress" or "multi-label". No family's size depends on it so far.

    Raises:
        BadValue: An unknown name (the nearest is suggested); a family that does not take this form of
            rows; a size that no network can have.
        UserCodeError: The function in `file.py` raised.
        Missing: timm is asked for and not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if is_outside(name):
            module, how = build_outside(name, shape, outputs)
            if initialization not in ("auto", "lsuv"):
                how = apply(module, initialization, activation)
            _normalize(module, norm)
            return Built(module.train(), name, None, f"{name}, as asked", how)
        reason = "as asked"
        if name == "auto":
            name, reason = choose(shape, rows)
        family = FAMILIES[name]
        _check_form(family, shape)
        size = family.size(shape, outputs, rows)
        size = Size(
            width=size.width if width == "auto" else width,
            depth=size.depth if depth == "auto" else depth,
            dropout=size.dropout if dropout == "auto" else dropout,
        )
        order = Order(shape=shape, outputs=outputs, size=size, activation=activation)
        check_order(name, order)
        module = family.make(order)
        how = apply(module, "auto" if initialization == "lsuv" else initialization, activation)
        _normalize(module, norm)
        _start(module)
    layers = f"width {size.width}, depth {size.depth}, dropout {size.dropout:g}"
    return Built(module.train(), name, size, f"{reason}; {layers} for {rows:,} rows", how)


def _normalize(module: nn.Module, norm: str) -> None:
    if norm != "auto":
        swap_norm(module, norm)


def _start(module: nn.Module) -> None:
    """Let blocks that begin as something simple set themselves up."""
    for part in module.modules():
        begin = getattr(part, "start", None)
        if callable(begin):
            begin()


def _check_form(family: Family, shape: InputShape) -> None:
    if shape.form not in family.forms:
        fit = ", ".join(other.name for other in FAMILIES.values() if shape.form in other.forms)
        must = f"be made of {' or '.join(f'{form}s' for form in family.forms)}"
        raise BadValue(
            refusal(family.name, "the data", must, f"a {shape.form}", f"For a {shape.form} use {fit}, or auto.")
        )
