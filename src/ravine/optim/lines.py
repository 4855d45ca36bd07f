"""Tensors of any shape as lines of numbers, stepped in pieces that stay in the cache."""

from __future__ import annotations

import torch
from torch import Tensor

from ravine.optim.job import Job, advance
from ravine.optim.layout import line, order_of, real

CHUNK = 1 << 15
"""Elements stepped at a time on a CPU, so that what an operation leaves is still in the cache for the next."""


def lines_of(p: Tensor, g: Tensor, slots: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]] | None:
    """Parameter, gradient and state as flat real tensors; all but the gradient share the memory of what was given.

    None where the parameter has gaps in memory.
    """
    if p.is_complex():
        p, g, slots = real(p), real(g.resolve_conj()), [real(slot) for slot in slots]
    order = order_of(p)
    if order is None or any(order_of(slot) != order for slot in slots):
        return None
    return line(p, order), line(g, order), [line(slot, order) for slot in slots]


def advance_lines(job: Job, p: Tensor, g: Tensor, slots: list[Tensor]) -> None:
    """`advance` on flat tensors; on a CPU in pieces that stay in the cache."""
    if p.device.type != "cpu" or p.numel() <= CHUNK:
        advance(job, p, g, slots)
        return
    for pieces in zip(*(torch.split(tensor, CHUNK) for tensor in (p, g, *slots)), strict=True):
        advance(job, pieces[0], pieces[1], pieces[2:])
