"""L2: the sum of squared weights, and weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.penalty import Penalty
from ravine.regularize.technique import Acts, Technique


@dataclass(frozen=True)
class L2(Penalty):
    """λ·Σw².

    Three readings; see `Penalty`:

    - in the loss, and as gradient: g ← g + 2λ·w. That is the `weight_decay` = 2λ of torch's SGD and
      Adam, "coupled" decay.
    - decoupled: w ← (1 − lr·2λ)·w − lr·u, with u the optimizer's direction for the loss alone: the
      `weight_decay` = 2λ of AdamW.
    - proximal: w ← w / (1 + 2·lr·λ) after the step; decoupled decay up to lr².

    For SGD without momentum coupled and decoupled decay are the same step. With momentum they differ; for
    Adam coupled decay is divided by √v, so that weights with large gradients hardly decay.

    Args:
        strength: λ, at least 0; half of what optimizers call weight decay.
        where: Names of parameters; None for the weights.
        decoupled: Which decay `for_optimizer` asks for.

    Source: Krogh & Hertz 1991; decoupled, Loshchilov & Hutter 2019 (arXiv:1711.05101).
    """

    name: ClassVar[str] = "l2"

    strength: float
    where: str | None = None
    decoupled: bool = False

    def __post_init__(self) -> None:
        NON_NEGATIVE.check(self.name, "strength", self.strength)

    def of(self, weight: Tensor) -> Tensor:
        """λ·Σw² of one tensor."""
        return weight.square().sum() * self.strength

    def gradient(self, weight: Tensor) -> Tensor:
        """2λ·w."""
        return weight * (2 * self.strength)

    def proximal(self, weight: Tensor, lr: float) -> Tensor:
        """The weight divided by 1 + 2·lr·λ."""
        return weight / (1 + 2 * lr * self.strength)

    def for_optimizer(self) -> dict[str, float]:
        """`weight_decay`, which is 2λ, and whether it is decoupled."""
        return {"weight_decay": 2 * self.strength, "decoupled_weight_decay": self.decoupled}


L2_NORM = Technique(
    name="l2",
    make=L2,
    main="strength",
    acts=Acts.WEIGHTS,
    formula="λ·Σw²",
    source=Source("Krogh & Hertz", 1991, "A Simple Weight Decay Can Improve Generalization", "NeurIPS"),
)
