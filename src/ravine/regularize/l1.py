"""L1: the sum of absolute weights, which makes weights exactly zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.penalty import Penalty
from ravine.regularize.technique import Acts, Technique


def soft_threshold(weight: Tensor, threshold: float) -> Tensor:
    """Move each weight towards 0 by `threshold`, and to exactly 0 where it would pass it.

        w ← sign(w)·max(|w| − θ, 0)

    It is the proximal map of θ·|w|.

    >>> import torch
    >>> soft_threshold(torch.tensor([-2.0, 0.5, 3.0]), 1.0)
    tensor([-1.,  0.,  2.])

    Args:
        weight: Any shape (*). Not changed.
        threshold: θ, at least 0.

    Returns: The same shape and dtype.
    Source: Daubechies et al. 2004; Tibshirani 1996.
    """
    return weight - weight.clamp(-threshold, threshold)


@dataclass(frozen=True)
class L1(Penalty):
    """λ·Σ|w|.

    Three readings; see `Penalty`:

    - in the loss, and as gradient: g ← g + λ·sign(w), 0 at 0. Weights come near zero and swing around it:
      none is exactly zero.
    - proximal: w ← sign(w)·max(|w| − lr·λ, 0) after the step: exact zeros.

    Under Adam the subgradient is divided by √v, so that all weights with large gradients are spared;
    the proximal form treats all alike.

    Args:
        strength: λ, at least 0.
        where: Names of parameters; None for the weights.
        proximal_form: What `for_optimizer` asks for: the proximal step, or the subgradient.

    Source: Tibshirani 1996, "Regression Shrinkage and Selection via the Lasso".
    """

    name: ClassVar[str] = "l1"

    strength: float
    where: str | None = None
    proximal_form: bool = True

    def __post_init__(self) -> None:
        NON_NEGATIVE.check(self.name, "strength", self.strength)

    def of(self, weight: Tensor) -> Tensor:
        """λ·Σ|w| of one tensor."""
        return weight.abs().sum() * self.strength

    def gradient(self, weight: Tensor) -> Tensor:
        """λ·sign(w)."""
        return weight.sign() * self.strength

    def proximal(self, weight: Tensor, lr: float) -> Tensor:
        """sign(w)·max(|w| − lr·λ, 0)."""
        return soft_threshold(weight, lr * self.strength)

    def for_optimizer(self) -> dict[str, float]:
        """`l1` and `proximal`."""
        return {"l1": self.strength, "proximal": self.proximal_form}


L1_NORM = Technique(
    name="l1",
    make=L1,
    main="strength",
    acts=Acts.WEIGHTS,
    formula="λ·Σ|w|",
    source=Source(
        "Tibshirani",
        1996,
        "Regression Shrinkage and Selection via the Lasso",
        "Journal of the Royal Statistical Society B",
    ),
)
