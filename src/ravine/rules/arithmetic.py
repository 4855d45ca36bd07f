"""The few functions that rules need beside operators, on floats and on tensors alike.

Which of the two is decided by the Python type, so that under `torch.compile` the question
is settled while tracing and costs nothing.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def sqrt(x: Any) -> Any:
    """√x, shape (*); NaN below 0, as on tensors."""
    if isinstance(x, Tensor):
        return x.sqrt()
    return math.sqrt(x) if x >= 0 else math.nan


def exp(x: Any) -> Any:
    """eˣ, shape (*); infinity where it overflows, as on tensors."""
    if isinstance(x, Tensor):
        return x.exp()
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def sign(x: Any) -> Any:
    """−1, 0 or 1, shape (*)."""
    if isinstance(x, Tensor):
        return x.sign()
    return math.copysign(1.0, x) if x else x * 1.0


def divide(x: Any, y: Any) -> Any:
    """x/y, shape (*), with infinities and NaN instead of an error where y is 0."""
    if isinstance(x, Tensor) or isinstance(y, Tensor) or y:
        return x / y
    return math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)


def maximum(x: Any, y: Any) -> Any:
    """The larger of two alike, shape (*); NaN if either is."""
    if isinstance(x, Tensor):
        return torch.maximum(x, y)
    return math.nan if x != x or y != y else max(x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of two alike, shape (*); NaN if either is."""
    if isinstance(x, Tensor):
        return torch.minimum(x, y)
    return math.nan if x != x or y != y else min(x, y)


def at_least_zero(x: Any) -> Any:
    """max(x, 0), shape (*)."""
    if isinstance(x, Tensor):
        return x.clamp(min=0)
    return 0.0 if x < 0 else x


def where(condition: Any, x: Any, y: Any) -> Any:
    """Where the condition holds x, else y, shape (*); a Python condition picks one whole."""
    if isinstance(condition, Tensor):
        return torch.where(condition, x, y)
    return x if condition else y


def norm(x: Any) -> Any:
    """Euclidean length of the whole tensor, shape (); of a float its size."""
    if isinstance(x, Tensor):
        return torch.linalg.vector_norm(x)
    return abs(x)


def total(x: Any) -> Any:
    """Sum over the whole tensor, shape (); of a float itself."""
    if isinstance(x, Tensor):
        return x.sum()
    return x


def share(condition: Any) -> Any:
    """The share of elements for which the condition holds, in [0, 1], shape ()."""
    if isinstance(condition, Tensor):
        return condition.double().mean()
    return float(condition)


def full_like(p: Any, value: float) -> Any:
    """`value` in the shape, dtype and place of `p`, without its graph."""
    if isinstance(p, Tensor):
        return torch.full_like(p, value, requires_grad=False)
    return float(value)
