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
_Kernel = Callable[[Tensor, Tensor, Sequence[Tensor], list[Tensor]], None]
_kernels: dict[tuple[Any, ...], _Kernel] = {}
_WIDE = 1 << 31  # from here indices take 64 bits, and a kernel made for fewer is wrong
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
    key = (job.form, p.dtype, p.device, torch.get_num_threads(), p.numel() < _WIDE)
    kernel = _kernels.get(key)
    if kernel is None:
        return _first(key, job, numbers, p, g, slots)
    kernel(p, g, slots, numbers)
    return True


def _first(
    key: tuple[Any, ...], job: Job, numbers: list[Tensor], p: Tensor, g: Tensor, slots: Sequence[Tensor]
) -> bool:
    """Compile, take the step, and keep the kernel."""
    global _broken
    seen: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
    whole = torch.compile(_fresh(job), dynamic=True, fullgraph=True, backend=_watching(seen))
    tensors = [p, g, *slots, *numbers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole(p, g, list(slots), numbers)
    except Exception as error:
        _broken = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        _log.info("optimizer steps stay eager, since torch.compile does not work here: %s", _broken)
        return False
    _kernels[key] = _direct(seen, tensors) or _checked(whole)
    return True


def _watching(seen: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> Callable[..., Any]:
    """The inductor backend, noting what it made and what that was first called with."""

    def backend(graph: torch.fx.GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
        from torch._inductor.compile_fx import compile_fx

        inner: Any = compile_fx(graph, examples)

        def first(*inputs: Any) -> Any:
            seen.append((inner, inputs))
            return inner(*inputs)

        return first

    return backend


def _direct(seen: list[tuple[Callable[..., Any], tuple[Any, ...]]], tensors: list[Tensor]) -> _Kernel | None:
    """The kernel without the checks that torch.compile makes before every call.

    They cost as much as stepping a hundred thousand numbers. What they check holds by
    construction: flat, contiguous, one dtype and device, at least two elements, the threads it
    was made for. None where an input of the kernel is not one of `tensors` or their length.
    """
    if len(seen) != 1:
        return None
    inner, inputs = seen[0]
    places = {id(tensor): place for place, tensor in enumerate(tensors)}
    order = [-1 if isinstance(x, int) else places.get(id(x)) for x in inputs]
    if any(place is None for place in order) or any(isinstance(x, int) and x != len(tensors[0]) for x in inputs):
        return None

    def kernel(p: Tensor, g: Tensor, slots: Sequence[Tensor], numbers: list[Tensor]) -> None:
        given = (p, g, *slots, *numbers, p.numel())
        inner(*[given[place] for place in order])  # type: ignore[index]  # −1 is the length, at the end

    return kernel


def _checked(whole: Callable[..., Any]) -> _Kernel:
    def kernel(p: Tensor, g: Tensor, slots: Sequence[Tensor], numbers: list[Tensor]) -> None:
        whole(p, g, list(slots), numbers)

    return kernel


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
