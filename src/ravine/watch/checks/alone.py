"""Running a program's model once more without a trace: no change of numbers, modes, hooks or random streams."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ravine.watch.passing import answer

HOOKS = ("_forward_hooks", "_forward_pre_hooks")


@contextmanager
def alone(model: nn.Module) -> Iterator[Callable[..., Any]]:
    """A way to call `model` in evaluation mode, without gradients, each time with the same random numbers.

    Buffers are copies while it runs; hooks of the program are not called; what modules write into themselves, a
    hidden state kept between batches, is put back.
    """
    modules = list(model.modules())
    before = [dict(module.__dict__) for module in modules]
    state, numbers, arrays = torch.get_rng_state(), random.getstate(), np.random.get_state()
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})

    def call(*inputs: Any) -> Any:
        torch.set_rng_state(state)
        random.setstate(numbers)
        np.random.set_state(arrays)
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        return answer(torch.func.functional_call(model, buffers, inputs))

    try:
        for module in modules:
            module.__dict__["training"] = False
            for hooks in HOOKS:
                module.__dict__[hooks] = OrderedDict()
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            yield call
    finally:
        for module, kept in zip(modules, before, strict=True):
            module.__dict__.clear()
            module.__dict__.update(kept)
        torch.set_rng_state(state)
        random.setstate(numbers)
        np.random.set_state(arrays)


def can_be_alone() -> bool:
    """Whether another call of it is the program's own affair: not where processes wait for each other."""
    return not (torch.distributed.is_available() and torch.distributed.is_initialized())


def differ(one: Tensor, other: Tensor) -> bool:
    """Whether two results differ by more than rounding."""
    rounding = 1e-4 if one.dtype in (torch.float32, torch.float64) else 0.03
    return bool((one - other).abs().max() > rounding * one.abs().max().clamp(min=1e-6))
