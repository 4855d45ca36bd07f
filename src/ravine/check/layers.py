"""Which layer is it? The layers of a copy run once, or twice, and what each of them gave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ravine.check.rows import Rows
from ravine.check.subject import Copy, Subject
from ravine.initialize.running import first_tensor, is_layer, names_of, watched


def run(copy: Copy, rows: Rows) -> tuple[Any, list[tuple[str, Tensor]]]:
    """What the model gives for rows, and what each layer gave on the way: name with its class, first tensor."""
    names = names_of(copy.model)
    seen: list[tuple[str, Tensor]] = []

    def left(part: nn.Module, _given: tuple[Any, ...], output: Any) -> None:
        value = first_tensor(output)
        if value is not None and is_layer(part):
            seen.append((f"{names[part]} ({type(part).__name__})", value.detach()))

    with torch.no_grad(), watched(copy.model, left):
        outputs = copy.outputs(rows)
    return outputs, seen


def first_layer(subject: Subject, odd: Callable[[Tensor], bool]) -> str:
    """The first layer of the untouched model whose output is `odd`; "" where none is."""
    copy = subject.copy()
    copy.model.train()
    _, seen = run(copy, subject.first.rows)
    return next((name for name, value in seen if odd(value)), "")


def first_changed(one: list[tuple[str, Tensor]], other: list[tuple[str, Tensor]], rows: int | None = None) -> str:
    """The first layer that gave something else the second time; "" where none did.

    Args:
        one: Layers of one run.
        other: Of the other.
        rows: Compare only so many first entries of each, beyond rounding; None: everything, to the bit.
    """
    for (name, before), (_, after) in zip(one, other, strict=False):
        if before.shape != after.shape:
            return name
        if rows is None and not torch.equal(before, after):
            return name
        if rows is not None and before.dim() and differ(before[:rows], after[:rows]):
            return name
    return ""


def differ(one: Tensor, other: Tensor) -> bool:
    """Whether two results differ by more than rounding."""
    rounding = 1e-4 if one.dtype in (torch.float32, torch.float64) else 0.03
    return bool((one - other).abs().max() > rounding * one.abs().max().clamp(min=1e-6))
