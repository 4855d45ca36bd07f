"""Mixup: straight lines between rows."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE, UNIT
from ravine.core.sources import Source
from ravine.regularize.label_smoothing import soft_targets
from ravine.regularize.technique import Acts, Technique


class Mixed(NamedTuple):
    """A mixed batch; its loss is share·loss(out, targets) + (1 − share)·loss(out, others)."""

    inputs: Tensor  # like the inputs given
    targets: Tensor  # of the first of each pair
    others: Tensor  # of the second
    share: float  # λ: how much of the first

    @property
    def soft(self) -> Tensor:
        """One target a row, share·targets + (1 − share)·others; targets must be numbers that can be mixed."""
        return torch.lerp(self.others, self.targets, self.share)


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


@dataclass(frozen=True, slots=True)
class MixUp:
    """`mixup` on each training batch, with soft targets.

    Inputs must be one field of floating-point numbers, or uint8 pictures, which become float32.

    Attributes:
        alpha: Strength: 0 mixes nothing, 0.2 a little, 1 uniformly.
        classes: How many there are, where targets are class numbers; not needed for numbers and probabilities.
        generator: Source of chance, on the CPU; the global one when None.

    Source: Zhang et al. 2018 (arXiv:1710.09412).
    """

    alpha: float = 0.2
    classes: int | None = None
    generator: Generator | None = None

    def __post_init__(self) -> None:
        NON_NEGATIVE.check("mixup", "alpha", self.alpha)

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """Fields and targets, mixed."""
        soft = soft_targets("mixup", target, self.classes)
        mixed = mixup(only_field("mixup", inputs), soft, self.alpha, self.generator)
        return (mixed.inputs,), mixed.soft


def only_field(owner: str, inputs: tuple[Any, ...]) -> Tensor:
    """The one field of a batch, as floating-point numbers.

    Raises:
        BadValue: Several fields, or codes: what stands for a category has no middle.
    """
    filled: list[Tensor] = [field for field in inputs if field.ndim < 2 or field.shape[-1] > 0]
    if len(filled) != 1:
        must = "be one field of numbers"
        raise BadValue(refusal(owner, "inputs", must, f"{len(filled)} fields", "Categories cannot be mixed."))
    (field,) = filled
    return field.float() if field.dtype == torch.uint8 else field


MIXUP = Technique(
    name="mixup",
    make=MixUp,
    main="alpha",
    acts=Acts.BATCH,
    formula="x ← λ·x + (1 − λ)·x′, y ← λ·y + (1 − λ)·y′; λ ~ Beta(α, α)",
    source=Source("Zhang et al.", 2018, "mixup: Beyond Empirical Risk Minimization", arxiv="1710.09412"),
)
