"""torch's own fused kernels, for the rules whose update they compute to the letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ravine.optim.job import Job
from ravine.optim.layout import BLOCK, Bundle, filled, line, order_of, real
from ravine.rules.rule import Rule

_DEVICES = ("cpu", "cuda")
_KNOWS = frozenset({"maximize", "coupled", "decoupled"})
_Lists = Sequence[list[Tensor]]


class Fused(Protocol):
    """Steps lists of tensors in place; slots in the order of the rule's state."""

    def __call__(self, job: Job, params: list[Tensor], grads: list[Tensor], slots: _Lists, step: Tensor) -> None:
        """`step` holds t as a float, on the device of the parameters."""


def kernel_for(rule: Rule, values: Mapping[str, Any], active: frozenset[str]) -> Fused | None:
    """The kernel that does exactly what `rule` does under these values, if torch has one."""
    entry = _KERNELS.get(rule.name)
    if entry is None:
        return None
    kernel, same, decays = entry
    return kernel if active <= decays and same(values) else None


def supports(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch's kernels run there."""
    return device.type in _DEVICES and dtype in _DTYPES


def _adam(job: Job, params: list[Tensor], grads: list[Tensor], slots: _Lists, step: Tensor) -> None:
    values, active = job.values, job.form.active
    kernel = torch._fused_adamw_ if "decoupled" in active else torch._fused_adam_
    kernel(
        params,
        grads,
        slots[0],
        slots[1],
        [],
        [step] * len(params),
        amsgrad=False,
        lr=job.dials.lr,
        beta1=values["beta1"],
        beta2=values["beta2"],
        weight_decay=job.dials.weight_decay if {"coupled", "decoupled"} & active else 0.0,
        eps=values["eps"],
        maximize="maximize" in active,
        grad_scale=None,
        found_inf=None,
    )


def _sgd(job: Job, params: list[Tensor], grads: list[Tensor], slots: _Lists, step: Tensor) -> None:  # noqa: ARG001
    _descend(job, params, grads, slots, nesterov=False)


def _nesterov(job: Job, params: list[Tensor], grads: list[Tensor], slots: _Lists, step: Tensor) -> None:  # noqa: ARG001
    _descend(job, params, grads, slots, nesterov=True)


def _descend(job: Job, params: list[Tensor], grads: list[Tensor], slots: _Lists, *, nesterov: bool) -> None:
    torch._fused_sgd_(
        params,
        grads,
        slots[0] if slots else [],
        weight_decay=job.dials.weight_decay if "coupled" in job.form.active else 0.0,
        momentum=job.clock.carry if slots else 0.0,
        lr=job.dials.lr,
        dampening=0.0,
        nesterov=nesterov,
        maximize="maximize" in job.form.active,
        is_first_step=False,
        grad_scale=None,
        found_inf=None,
    )


def _always(values: Mapping[str, Any]) -> bool:  # noqa: ARG001 (one signature for all)
    return True


def _plain(values: Mapping[str, Any]) -> bool:
    """Whether momentum is on: torch's kernel leaves the velocity as it was when momentum is 0; the rule does not."""
    return values["momentum"] > 0 and not values["lr_in_velocity"]


_COUPLED = _KNOWS - {"decoupled"}
_KERNELS: Mapping[str, tuple[Fused, Callable[[Mapping[str, Any]], bool], frozenset[str]]] = {
    "adam": (_adam, lambda values: bool(values["bias_correction"]), _KNOWS),
    "adamw": (_adam, lambda values: bool(values["bias_correction"]), _KNOWS),
    "sgd": (_sgd, _always, _COUPLED),
    "momentum": (_sgd, lambda values: _plain(values) and not values["dampening"], _COUPLED),
    "nesterov": (_nesterov, _plain, _COUPLED),
}
_DTYPES = (
    torch.float32,
    torch.float64,
    torch.bfloat16,
    torch.float16,
    torch.complex64,
    torch.complex128,
)


def advance(kernel: Fused, job: Job, bundle: Bundle, params: list[Tensor], grads: list[Tensor]) -> None:
    """Step all tensors of a bundle with `kernel`; the gradients are left as they are."""
    step = bundle.clockwork
    if step is None:
        step = bundle.clockwork = torch.empty((), dtype=torch.float32, device=bundle.device)
    step.fill_(bundle.step + 1)
    slots = bundle.slots
    if bundle.dtype.is_complex:
        params, grads = [real(p) for p in params], [real(g.resolve_conj()) for g in grads]
        slots = [[real(slot) for slot in held] for held in slots]
    scale = job.dials.scale
    if scale == 1.0:
        kernel(job, params, grads, slots, step)
        return
    for some, theirs, held in _servings(params, grads, slots):
        kernel(job, some, [g * scale for g in theirs], held, step)


def _servings(
    params: list[Tensor], grads: list[Tensor], slots: _Lists
) -> Iterator[tuple[list[Tensor], list[Tensor], _Lists]]:
    """The tensors in runs of at most BLOCK elements, longer ones cut, so that scaled gradients stay small."""
    for run in filled(range(len(params)), [p.numel() for p in params]):
        whole = len(run) > 1 or params[run[0]].numel() <= BLOCK
        order = None if whole else order_of(params[run[0]])
        if order is None:
            yield [params[i] for i in run], [grads[i] for i in run], [[held[i] for i in run] for held in slots]
            continue
        i = run[0]
        lines = [
            torch.split(line(tensor, order), BLOCK) for tensor in (params[i], grads[i], *(held[i] for held in slots))
        ]
        for pieces in zip(*lines, strict=True):
            yield [pieces[0]], [pieces[1]], [[piece] for piece in pieces[2:]]
