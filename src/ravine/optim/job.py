"""One step of one rule on one piece of memory: the text that runs eagerly and that is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

_NARROW = (torch.bfloat16, torch.float16)


class Dials(NamedTuple):
    """The driver's numbers at one step; floats, or zero-dimensional tensors in a compiled kernel."""

    lr: Any
    scale: Any  # what the gradient is multiplied by to respect the global norm
    weight_decay: Any
    l1: Any
    clip_value: Any


class Form(NamedTuple):
    """All of a step that does not change with time: what a kernel is compiled for."""

    update: Callable[..., tuple[Any, Any]]
    state: type
    used: tuple[bool, ...]  # for each slot of the state, whether it is in use; the others are None
    active: frozenset[str]
    options: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A step: its form, and its numbers now."""

    form: Form
    dials: Dials
    clock: Any
    values: Mapping[str, Any]


def advance(job: Job, p: Tensor, g: Tensor, slots: Sequence[Tensor]) -> None:
    """Take one step in place on `p` and its state.

    Args:
        job: What to do.
        p: Parameter, shape (*), changed.
        g: Gradient, shape (*), read only.
        slots: State slots in use, each (*), changed.
    """
    if p.dtype in _NARROW:
        wide = [p.float(), g.float(), *(slot.float() for slot in slots)]
        _advance(job, wide[0], wide[1], wide[2:])
        p.copy_(wide[0])
        for slot, value in zip(slots, wide[2:], strict=True):
            slot.copy_(value)
    else:
        _advance(job, p, g, slots)


def _advance(job: Job, p: Tensor, g: Tensor, slots: Sequence[Tensor]) -> None:
    form, dials = job.form, job.dials
    active = form.active
    if "maximize" in active:
        g = -g
    if "clip_norm" in active:
        g = g * dials.scale
    if "clip_value" in active:
        g = g.clamp(-dials.clip_value, dials.clip_value)
    if "coupled" in active:
        g = g + p * dials.weight_decay
    if "subgradient" in active:
        g = g + p.sign() * dials.l1
    held = iter(slots)
    before = form.state(*(next(held) if used else None for used in form.used))
    u, after = form.update(g, p, before, job.clock, **job.values, **dict(form.options))
    fresh = [value for value, used in zip(after, form.used, strict=True) if used]
    u = _settle(slots, fresh, u)
    if "decoupled" in active:
        p.mul_(1 - dials.lr * dials.weight_decay)
    if isinstance(dials.lr, float):
        p.sub_(u, alpha=dials.lr)
    else:
        p.sub_(u * dials.lr)
    if "proximal" in active:
        p.copy_(p.sign() * (p.abs() - dials.lr * dials.l1).clamp(min=0))


def _settle(slots: Sequence[Tensor], fresh: list[Any], u: Any) -> Any:
    """Write the new state into the slots; values that are other slots, or u, are saved first."""
    for place, value in enumerate(fresh):
        if any(value is slot for slot in slots) and value is not slots[place]:
            fresh[place] = value.clone()
    if any(u is slot for slot in slots):
        u = u.clone()
    for slot, value in zip(slots, fresh, strict=True):
        if value is not slot:
            slot.copy_(value)
    return u
