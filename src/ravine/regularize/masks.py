"""Random masks, the cheapest way there is on each device."""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Generator, Tensor

_CHANCES = 2**16
_RAREST = 2**-7  # a rarer outcome than this would feel the rounding to 1/65536
_NARROW = (torch.bfloat16, torch.float16)


def drop(values: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Zero each element with probability `p`, divide the others by 1 − p: the expectation stays.

        out = values ∘ m / (1 − p),  m ~ Bernoulli(1 − p) each

    Torch's dropout, with two differences: it takes a generator, and on a CPU the mask is cut out of
    64-bit random numbers, four elements from each, in a third of torch's time. For that `p` is
    rounded to a multiple of 1/65536; the division is by the rounded 1 − p, so that nothing is biased.

    Args:
        values: Float, any shape (*). Not changed.
        p: In [0, 1]; not checked here.
        generator: Source of chance, on the device of `values`; the global one when None.

    Returns: The same shape and dtype.
    """
    if p == 0:
        return values
    if p == 1:
        return values * 0.0
    if generator is None and (values.device.type != "cpu" or torch.compiler.is_compiling()):
        return nnf.dropout(values, p, training=True)  # one fused kernel there
    mask, keep = _kept(values, 1 - p, generator)
    if values.dtype in _NARROW:
        return values * mask * (1 / keep)  # a mask of 1/keep would be rounded
    return values * mask.mul_(1 / keep)


def keep_mask(like: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """1 with probability 1 − p, else 0; shape, dtype and device of `like`."""
    if p in (0, 1):
        return torch.full_like(like, 1.0 - p, requires_grad=False)
    return _kept(like, 1 - p, generator)[0]


def _kept(like: Tensor, keep: float, generator: Generator | None) -> tuple[Tensor, float]:
    """A mask of zeros and ones, and the exact probability of a one."""
    if like.device.type != "cpu":
        return torch.empty_like(like, requires_grad=False).bernoulli_(keep, generator=generator), keep
    if torch.compiler.is_compiling() or min(keep, 1 - keep) < _RAREST:
        even = torch.rand(like.shape, generator=generator, device=like.device)
        return (even < keep).to(like.dtype), keep
    size = like.numel()
    wide = torch.randint(-(2**63), 2**63 - 1, (-(-size // 4),), generator=generator)
    narrow = wide.view(torch.int16)[:size].view(like.shape)
    threshold = round(keep * _CHANCES)
    return (narrow < threshold - _CHANCES // 2).to(like.dtype), threshold / _CHANCES
