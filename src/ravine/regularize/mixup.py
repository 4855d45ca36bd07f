"""Mixup: straight lines between rows."""

from __future__ import annotations

import random
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE, UNIT


class Mixed(NamedTuple):
    """A mixed batch; its loss is share·loss(out, targets) + (1 − share)·loss(out, others)."""

    inputs: Tensor  # like the inputs given
    targets: Tensor  # of the first of each pair
    others: Tensor  # of the second
    share: float  # λ: how much of the first


def mix(inputs: Tensor, targets: Tensor, order: Tensor, share: float) -> Mixed:
    """Each row with its partner: share·x + (1 − share)·x[order].

    Args:
        inputs: Float, (batch, *). Not changed.
        targets: Any kind, (batch, *).
        order: int64 (batch,): the partner of each row.
        share: λ in [0, 1].

    Source: Zhang et al. 2018 (arXiv:1710.09412), equation 1.
    """
    UNIT.check("mixup", "share", share)
    if not inputs.is_floating_point():
        raise BadValue(refusal("mixup", "inputs", "be floating-point numbers", str(inputs.dtype)))
    partners = inputs.index_select(0, order)
    return Mixed(torch.lerp(partners, inputs, share), targets, targets.index_select(0, order), share)


def mixup(inputs: Tensor, targets: Tensor, alpha: float, generator: Generator | None = None) -> Mixed:
    """Each row mixed with a random other of the batch, one λ ~ Beta(alpha, alpha) for the batch.

    Args:
        inputs: Float, (batch, *). Not changed.
        targets: Any kind, (batch, *).
        alpha: Strength: 0 mixes nothing, 0.2 a little, 1 uniformly.
        generator: Source of chance, on the CPU; the global one when None.

    Source: Zhang et al. 2018 (arXiv:1710.09412); one λ a batch as in the authors' code.
    """
    NON_NEGATIVE.check("mixup", "alpha", alpha)
    if alpha == 0:
        return Mixed(inputs, targets, targets, 1.0)
    order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
    return mix(inputs, targets, order, beta(alpha, generator))


def beta(alpha: float, generator: Generator | None = None) -> float:
    """A draw from Beta(alpha, alpha), its chance taken from a torch generator.

    torch's own Beta takes no generator; Python's draws from a seed that ours gives.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    return random.Random(seed).betavariate(alpha, alpha)  # noqa: S311 (chance, not secrets)
