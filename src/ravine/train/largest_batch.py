"""The largest batch that a training step has room for, found by trial."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadData, BadValue, refusal
from ravine.initialize.running import Batch, rows, untouched
from ravine.models.memory import memory

SHARE = 0.9
"""Of what memory there is: allocators need room between tensors."""

MOST = 65_536
"""Rows beyond which nobody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestBatch:
    """What `largest_batch` found.

    Attributes:
        rows: Of the largest batch that fits.
        too_many: Rows of the smallest that was seen not to; None where the limit of rows was reached.
        tried: Rows of each trial in order, and whether they fitted.
        how: "by running out of memory" or "by what the layers keep".
    """

    rows: int
    too_many: int | None
    tried: tuple[tuple[int, bool], ...]
    how: str

    def __str__(self) -> str:
        """In a sentence."""
        over = f"; {self.too_many:,} do not" if self.too_many is not None else ""
        return f"{self.rows:,} rows fit{over} ({len(self.tried)} trials, {self.how})"


def largest_batch(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    batch: tuple[Batch, Any],
    *,
    limit: float | None = None,
    state_per_parameter: int = 2,
    most: int = MOST,
) -> LargestBatch:
    """How many rows one step of training can take at once: doubled until it fails, then halved between.

    On a CUDA device each trial is a real forward and backward pass, beside tensors as large as the
    optimizer's state, and "does not fit" is the device's own out-of-memory. Elsewhere running out of
    memory would take the machine down, so that a step's memory is counted instead: twice what layers
    keep for the backward pass (the second time for gradients on their way), the batch, and parameters
    with gradients and the optimizer's state. Rows are those of `batch`, repeated.

    The network is left as it was, bit for bit: parameters, gradients, buffers, modes, random state.

    Args:
        model: On the device it trains on.
        loss: (outputs, target) → scalar.
        batch: (inputs, target), one row or more.
        limit: Bytes; None: what is free on the device, or in the machine. On CUDA it caps the process.
        state_per_parameter: Numbers an optimizer keeps for each parameter: 2 for Adam, 1 for SGD with momentum.
        most: Rows at which to stop asking.

    Raises:
        BadValue: Not even one row fits; or the network cannot run on the batch.
        BadData: The batch has no rows.
    """
    inputs, target = batch
    if rows(inputs) < 1:
        raise BadData("largest_batch: the batch has no rows. Give it one at least.")
    if type(most) is not int or most < 1:
        raise BadValue(refusal("largest_batch", "most", "be a whole number of at least 1", most))
    device = next((value.device for value in model.parameters()), torch.device("cpu"))
    cuda = device.type == "cuda"
    fits = (
        _by_running(model, loss, inputs, target, device, state_per_parameter)
        if cuda
        else _by_counting(model, inputs, target, limit, state_per_parameter)
    )
    tried: list[tuple[int, bool]] = []

    def tries(count: int) -> bool:
        tried.append((count, fits(count)))
        return tried[-1][1]

    with _capped(device, limit) if cuda else _as_it_is():
        # One row alone has no variance, and batch norm refuses it.
        normed = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
        good, bad = _bracketed(tries, min(2, most) if normed else 1, most)
        while bad is not None and bad - good > max(1, good // 64):
            middle = (good + bad) // 2
            good, bad = (middle, bad) if tries(middle) else (good, middle)
    if good == 0:
        raise BadValue(
            "largest_batch: not even one row fits. Make the network smaller, or keep less of it: "
            "ravine.models.checkpoint_blocks."
        )
    how = "by running out of memory" if cuda else "by what the layers keep"
    return LargestBatch(rows=good, too_many=bad, tried=tuple(tried), how=how)


def _bracketed(fits: Callable[[int], bool], first: int, most: int) -> tuple[int, int | None]:
    """A number that fits and one that does not, at most twice as large; None where `most` fits."""
    good, count = 0, first
    while fits(count):
        good = count
        if count == most:
            return good, None
        count = min(2 * count, most)
    return good, count


def _by_running(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    inputs: Batch,
    target: Any,
    device: torch.device,
    state_per_parameter: int,
) -> Callable[[int], bool]:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def fits(count: int) -> bool:
        try:
            with untouched(model):
                beside = [torch.empty_like(p) for p in parameters for _ in range(state_per_parameter)]
                given = _repeated(inputs, count)
                output = model(**given) if isinstance(given, Mapping) else model(*_several(given))
                gradients = torch.autograd.grad(loss(output, _repeated(target, count)), parameters, allow_unused=True)
                torch.cuda.synchronize(device)
                del beside, given, output, gradients
        except torch.OutOfMemoryError:
            return False
        finally:
            gc.collect()  # what the error's frames still hold
            torch.cuda.empty_cache()
        return True

    return fits


def _by_counting(
    model: nn.Module, inputs: Batch, target: Any, limit: float | None, state_per_parameter: int
) -> Callable[[int], bool]:
    allowed = limit if limit is not None else SHARE * _free_memory()
    parameters = sum(value.nbytes for value in model.parameters() if value.requires_grad)
    beside = sum(value.nbytes for value in (*model.parameters(), *model.buffers()))
    beside += (1 + state_per_parameter) * parameters
    # What stays is linear in the rows. Two and three, since one row has no variance for batch norm.
    two, three = (memory(model, _repeated(inputs, few)).kept for few in (2, 3))
    a_row = 2 * (three - two) + sum(value.nbytes for part in (inputs, target) for value in _tensors(_repeated(part, 1)))
    always = beside + 2 * (3 * two - 2 * three)
    return lambda count: always + count * a_row <= allowed


@contextmanager
def _capped(device: torch.device, limit: float | None) -> Iterator[None]:
    """The process held to so many bytes of the device, then to all of it again."""
    if limit is None:
        yield
        return
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(limit / total, 1.0), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def _free_memory() -> int:
    """Bytes that are free in the machine, by the system's own account."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        raise BadValue("largest_batch: this system does not tell how much memory is free. Give limit=BYTES.") from None


def _repeated(part: Any, count: int) -> Any:
    if isinstance(part, Tensor):
        if part.ndim == 0:
            return part
        return part[torch.arange(count, device=part.device) % len(part)]
    if isinstance(part, Mapping):
        return {name: _repeated(value, count) for name, value in part.items()}
    if isinstance(part, tuple | list):
        return tuple(_repeated(value, count) for value in part)
    return part


def _several(inputs: Any) -> tuple[Any, ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _tensors(part: Any) -> list[Tensor]:
    if isinstance(part, Tensor):
        return [part]
    inside = part.values() if isinstance(part, Mapping) else part if isinstance(part, tuple | list) else ()
    return [tensor for value in inside for tensor in _tensors(value)]
