"""What both checks are asked with, and the precision they work in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.optim.gradcheck.problem import Problem
from ravine.optim.gradcheck.tensors import Care

_FEWEST = 4  # samples: a quarter of them goes to the largest gradients
_SHORT = 0.01  # seconds
_TOLERANCES = Interval(1e-10, 0.1)


def checked_care(samples: int | None, tolerance: float, seed: int) -> Care:
    """How thoroughly to check, if it can be done so.

    Raises:
        BadValue: One of the three is out of bounds.
    """
    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, int) or samples < _FEWEST):
        must = f"be a whole number of at least {_FEWEST}, or None for all coordinates"
        raise BadValue(refusal("gradcheck", "samples", must, samples))
    _TOLERANCES.check("gradcheck", "tolerance", tolerance)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise BadValue(refusal("gradcheck", "seed", "be a whole number of at least 0", seed))
    return Care(samples=samples, tolerance=tolerance, seed=seed)


@contextmanager
def threads_for(problem: Problem) -> Iterator[None]:
    """One thread where an evaluation is so short that sharing it out costs more than it saves."""
    before = problem.most_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    if min(problem.seconds() for _ in range(3)) > _SHORT:
        torch.set_num_threads(before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def double_default() -> Iterator[None]:
    """Tensors made inside a forward pass come in float64; attention takes the path it takes in training."""
    dtype = torch.get_default_dtype()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.set_default_dtype(torch.float64)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.backends.mha.set_fastpath_enabled(fast)
