"""What a network is made of, layer by layer, for people."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ravine.core.shapes import InputShape


class LayerText(NamedTuple):
    """One layer: its dotted name, kind, the shape it gives, and how many numbers it learns."""

    name: str
    type: str
    output: str  # "(batch, 64)"
    parameters: int


BATCH = 2
"""Rows of the trial batch."""


def example(shape: InputShape, batch: int = BATCH) -> tuple[Tensor, ...]:
    """Fields of `batch` rows of zeros: what a network for `shape` can be called with."""
    if shape.form == "table":
        codes = torch.zeros(batch, len(shape.cardinalities), dtype=torch.int64)
        return torch.zeros(batch, shape.numeric), codes
    if shape.form == "image":
        return (torch.zeros(batch, shape.channels, shape.height, shape.width),)
    return (torch.zeros(batch, shape.length, shape.features),)


def describe(module: nn.Module, *fields: Tensor) -> list[LayerText]:
    """The layers of `module` in the order in which they run, by one forward pass on `fields`.

    Layers are modules without parts of their own, and modules that hold parameters beside their
    parts. A layer that runs twice is listed once, by its first run; the parameters of a shared one
    are counted once. The pass runs in evaluation mode without gradients; modes are put back after it.
    """
    names = {part: name for name, part in module.named_modules()}
    seen: dict[nn.Module, LayerText] = {}

    def note(part: nn.Module, _: Any, output: Any) -> None:
        if part not in seen:
            own = sum(p.numel() for p in part.parameters(recurse=False))
            seen[part] = LayerText(names[part] or "(whole)", type(part).__name__, _shape(output), own)

    handles = [part.register_forward_hook(note) for part in names if _is_layer(part)]
    modes = {part: part.training for part in names}
    try:
        module.eval()
        with torch.no_grad():
            module(*fields)
    finally:
        for part, mode in modes.items():
            part.training = mode
        for handle in handles:
            handle.remove()
    return list(seen.values())


def _is_layer(part: nn.Module) -> bool:
    return not any(True for _ in part.children()) or any(True for _ in part.parameters(recurse=False))


def _shape(output: Any) -> str:
    """The shape of what a layer gives: the first tensor in it, the batch by its word."""
    while isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        return type(output).__name__
    if output.ndim == 0:
        return "()"
    return f"({', '.join(['batch', *map(str, output.shape[1:])])})"
