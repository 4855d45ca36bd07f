"""One fused kernel per rule and dtype by `torch.compile`, for any size and any value of the hyperparameters."""

from __future__ import annotations

import itertools
import logging
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import RavineError
from ravine.optim.job import Dials, Form, Job, advance

WORTHWHILE = 1_000_000
"""From so many elements a kernel saves more in a training than it takes to compile."""

_log = logging.getLogger("ravine.optim")
_kernels: dict[tuple[Any, ...], Callable[..., None]] = {}
_serial = itertools.count()
_broken = ""


class NoCompiler(RavineError, RuntimeError):
    """`engine="compiled"` was asked for where nothing can be compiled."""


def usable() -> bool:
    """Whether compiling has not failed yet in this process."""
    return not _broken


def numbers_of(job: Job, device: torch.device) -> list[Tensor]:
    """All numbers of a step as zero-dimensional tensors, so that no kernel is made for a value.

    They stay float64, whatever the parameters are: 1 − β₂ taken in float32 is wrong in the fifth digit.
    """
    dtype = torch.float32 if device.type == "mps" else torch.float64
    return [torch.tensor(float(x), dtype=dtype) for x in (*job.dials, *job.clock, *job.values.values())]


def advance_compiled(job: Job, numbers: list[Tensor], p: Tensor, g: Tensor, slots: Sequence[Tensor]) -> bool:
    """`advance` by a compiled kernel, on flat contiguous tensors of at least two elements.

    Returns:
        Whether it was done; False, with nothing changed and one line in the log, where the
        compiler does not work.
    """
    global _broken
    key = (job.form, p.dtype, p.device)
    kernel = _kernels.get(key)
    if kernel is not None:
        kernel(p, g, list(slots), numbers)
        return True
    kernel = torch.compile(_fresh(job), dynamic=True, fullgraph=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kernel(p, g, list(slots), numbers)
    except Exception as error:
        _broken = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        _log.info("optimizer steps stay eager, since torch.compile does not work here: %s", _broken)
        return False
    _kernels[key] = kernel
    return True


def refuse(owner: str) -> NoCompiler:
    """The error for a compiled engine that was asked for and cannot be had."""
    return NoCompiler(
        f"{owner}: engine='compiled' needs a working torch.compile; it failed with: {_broken}. "
        "Install a C++ compiler, or use engine='auto'."
    )


def _fresh(job: Job) -> Callable[..., None]:
    """The text of a step for one form, as a function with a code object of its own.

    torch.compile keeps its kernels by code object and gives up after a few; sharing one among all
    rules would leave the ninth uncompiled.
    """
    form: Form = job.form
    clock_type, ticks, names = type(job.clock), len(job.clock), tuple(job.values)
    dials = len(Dials._fields)

    def step(p: Tensor, g: Tensor, slots: list[Tensor], numbers: list[Tensor]) -> None:
        now = Dials(*numbers[:dials])
        clock = clock_type(*numbers[dials : dials + ticks])
        values = dict(zip(names, numbers[dials + ticks :], strict=True))
        advance(Job(form, now, clock, values), p, g, slots)

    code = step.__code__.replace(co_name=f"step_{next(_serial)}")
    return types.FunctionType(code, step.__globals__, code.co_name, None, step.__closure__)
