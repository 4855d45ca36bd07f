"""Elastic net: L1 and L2 together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.l1 import soft_threshold
from ravine.regularize.penalty import Penalty
from ravine.regularize.technique import Acts, Technique


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """Σ (λ₂·w² + λ₁·|w|), or λ·Σ (β·w² + |w|) with λ₁ = λ and λ₂ = β·λ.

    The L1 part makes weights zero; the L2 part keeps groups of weights that do the same work together,
    of which L1 alone would keep any one. The three readings are those of `L1` and `L2`; the proximal map of the sum is
    the one of L1, then the one of L2:  w ← sign(w)·max(|w| − lr·λ₁, 0) / (1 + 2·lr·λ₂).

    `for_optimizer` asks for the proximal step of the L1 part and for coupled decay of the other: the
    one for exact zeros, the other as in the loss.

    Args:
        l1: λ₁, at least 0.
        l2: λ₂, at least 0; None is λ₁, that is β = 1.
        where: Names of parameters; None for the weights.

    Source: Zou & Hastie 2005.
    """

    name: ClassVar[str] = "elastic-net"

    l1: float
    l2: float | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        NON_NEGATIVE.check(self.name, "l1", self.l1)
        if self.l2 is not None:
            NON_NEGATIVE.check(self.name, "l2", self.l2)

    @property
    def strengths(self) -> tuple[float, float]:
        """λ₁ and λ₂."""
        return self.l1, self.l1 if self.l2 is None else self.l2

    def of(self, weight: Tensor) -> Tensor:
        """Σ (λ₂·w² + λ₁·|w|) of one tensor."""
        l1, l2 = self.strengths
        return weight.abs().sum() * l1 + weight.square().sum() * l2

    def gradient(self, weight: Tensor) -> Tensor:
        """2λ₂·w + λ₁·sign(w)."""
        l1, l2 = self.strengths
        return weight.sign() * l1 + weight * (2 * l2)

    def proximal(self, weight: Tensor, lr: float) -> Tensor:
        """sign(w)·max(|w| − lr·λ₁, 0) / (1 + 2·lr·λ₂)."""
        l1, l2 = self.strengths
        return soft_threshold(weight, lr * l1) / (1 + 2 * lr * l2)

    def for_optimizer(self) -> dict[str, float]:
        """`l1`, `proximal`, `weight_decay` and `decoupled_weight_decay`."""
        l1, l2 = self.strengths
        return {"l1": l1, "proximal": True, "weight_decay": 2 * l2, "decoupled_weight_decay": False}


ELASTIC_NET = Technique(
    name="elastic-net",
    make=ElasticNet,
    main="l1",
    acts=Acts.WEIGHTS,
    formula="Σ (λ₂·w² + λ₁·|w|)",
    source=Source(
        "Zou & Hastie",
        2005,
        "Regularization and Variable Selection via the Elastic Net",
        "Journal of the Royal Statistical Society B",
    ),
)
