"""One fused kernel per rule and dtype by `torch.compile`, for any size and any value of the hyperparameters."""

from __future__ import annotations

import itertools
import logging
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ravine.core.errors import RavineError
from ravine.optim.job import Dials, Form, Job, advance
from ravine.optim.prelude import Parts, cut

WORTHWHILE = 1_000_000
"""From so many elements a kernel saves more in a training than it takes to compile."""

_log = logging.getLogger("ravine.optim")
_WIDE = 1 << 31  # from here indices take 64 bits, and a kernel made for fewer is wrong
_serial = itertools.count()
_broken = ""


class Kernel(Protocol):
    """A compiled step."""

    def prepared(self, numbers: list[Tensor]) -> Any:
        """What the kernel needs of the numbers of a step, whatever the tensors."""

    def __call__(self, p: Tensor, g: Tensor, slots: Sequence[Tensor], prepared: Any) -> None:
        """Step one flat tensor."""


_kernels: dict[tuple[Any, ...], Kernel] = {}


class NoCompiler(RavineError, RuntimeError):
    """`engine="compiled"` was asked for where nothing can be compiled."""


def usable() -> bool:
    """Whether compiling has not failed yet in this process."""
    return not _broken


class Numbers:
    """All numbers of a step as zero-dimensional tensors, so that no kernel is made for a value.

    They stay float64, whatever the parameters are: 1 − β₂ taken in float32 is wrong in the fifth digit.
    """

    def __init__(self, job: Job, device: torch.device) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        values = [float(x) for x in (*job.dials, *job.clock, *job.values.values())]
        self.tensors = list(torch.tensor(values, dtype=dtype).unbind())
        self._prepared: tuple[Kernel, Any] | None = None

    def prepared_for(self, kernel: Kernel) -> Any:
        """What `kernel` makes of them, once a step."""
        if self._prepared is None or self._prepared[0] is not kernel:
            self._prepared = (kernel, kernel.prepared(self.tensors))
        return self._prepared[1]


def advance_compiled(job: Job, numbers: Numbers, p: Tensor, g: Tensor, slots: Sequence[Tensor]) -> bool:
    """`advance` by a compiled kernel, on flat contiguous tensors of at least two elements.

    Returns:
        Whether it was done; False, with nothing changed and one line in the log, where the
        compiler does not work.
    """
    key = (job.form, p.dtype, p.device, torch.get_num_threads(), p.numel() < _WIDE)
    kernel = _kernels.get(key)
    if kernel is None:
        return _first(key, job, numbers, p, g, slots)
    kernel(p, g, slots, numbers.prepared_for(kernel))
    return True


def _first(key: tuple[Any, ...], job: Job, numbers: Numbers, p: Tensor, g: Tensor, slots: Sequence[Tensor]) -> bool:
    """Compile, take the step, and keep the kernel."""
    global _broken
    seen: list[_Made] = []
    backend = _watching(seen, torch.float64 if p.dtype is torch.float64 else torch.float32)
    whole = torch.compile(_fresh(job), dynamic=True, fullgraph=True, backend=backend)
    tensors = [p, g, *slots, *numbers.tensors]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole(p, g, list(slots), numbers.tensors)
    except Exception as error:
        _broken = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        _log.info("optimizer steps stay eager, since torch.compile does not work here: %s", _broken)
        return False
    _kernels[key] = _direct(seen, tensors) or _Checked(whole)
    return True


class _Made(NamedTuple):
    """What the backend made, and what it was first called with."""

    loop: Callable[[list[Any]], Any]
    parts: Parts
    inputs: list[Any]


def _watching(seen: list[_Made], dtype: torch.dtype) -> Callable[..., Any]:
    """The inductor backend; it compiles the loop alone and notes what it made."""

    def compile_parts(graph: torch.fx.GraphModule, examples: Sequence[Any], **how: Any) -> Callable[..., Any]:
        from torch._inductor import config
        from torch._inductor.compile_fx import compile_fx_inner

        parts = cut(graph, examples, dtype)
        with config.patch(size_asserts=False):
            loop: Any = compile_fx_inner(parts.loop, parts.examples, **{**how, "static_input_idxs": ()})

        def first(inputs: list[Any]) -> Any:
            seen.append(_Made(loop, parts, list(inputs)))
            passed = parts.prelude(*(inputs[place] for place in parts.numbers))
            return loop([*(inputs[place] for place in parts.kept), *passed])

        first._boxed_call = True  # type: ignore[attr-defined]  # as the compiler's front calls what it is given
        return first

    def backend(graph: torch.fx.GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
        from torch._functorch import config
        from torch._inductor.compile_fx import compile_fx

        # The cache of whole graphs would give back one that was not cut; the loop has a cache of its own.
        with config.patch(enable_autograd_cache=False):
            made: Any = compile_fx(graph, examples, inner_compile=compile_parts)  # type: ignore[arg-type]
        return made  # type: ignore[no-any-return]

    return backend


class _Direct:
    """The loop without the checks that torch.compile makes before every call.

    They cost as much as stepping a hundred thousand numbers. What they check holds by
    construction: flat, contiguous, one dtype and device, at least two elements, the threads it
    was made for.
    """

    def __init__(self, made: _Made, numbers: list[int], kept: list[int]) -> None:
        self._loop, self._prelude = made.loop, made.parts.prelude
        self._numbers, self._kept = numbers, kept

    @torch.no_grad()
    def prepared(self, numbers: list[Tensor]) -> Sequence[Tensor]:
        return self._prelude(*(numbers[place] for place in self._numbers))

    def __call__(self, p: Tensor, g: Tensor, slots: Sequence[Tensor], prepared: Sequence[Tensor]) -> None:
        given = (p, g, *slots, p.numel())
        self._loop([*[given[place] for place in self._kept], *prepared])


def _direct(seen: list[_Made], tensors: list[Tensor]) -> Kernel | None:
    """The kernel that skips the front; None where an input of it is not one of `tensors` or their length."""
    if len(seen) != 1:
        return None
    made = seen[0]
    places = {id(tensor): place for place, tensor in enumerate(tensors)}
    order = [-1 if isinstance(x, int) else places.get(id(x)) for x in made.inputs]
    if None in order or any(isinstance(x, int) and x != len(tensors[0]) for x in made.inputs):
        return None
    known = [place for place in order if place is not None]
    elements = next(place for place, tensor in enumerate(tensors) if tensor.ndim == 0)
    return _Direct(
        made,
        numbers=[known[place] - elements for place in made.parts.numbers],
        kept=[known[place] for place in made.parts.kept],
    )


class _Checked:
    """The kernel as torch.compile calls it."""

    def __init__(self, whole: Callable[..., Any]) -> None:
        self._whole = whole

    def prepared(self, numbers: list[Tensor]) -> list[Tensor]:
        return numbers

    def __call__(self, p: Tensor, g: Tensor, slots: Sequence[Tensor], prepared: list[Tensor]) -> None:
        self._whole(p, g, list(slots), prepared)


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
