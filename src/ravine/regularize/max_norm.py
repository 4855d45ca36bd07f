"""Max-norm: no unit's weights are longer than a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ravine.core.errors import BadValue
from ravine.core.intervals import POSITIVE
from ravine.core.sources import Source
from ravine.regularize.penalty import Parameters, chosen
from ravine.regularize.technique import Acts, Technique


def max_norm(weight: Tensor, c: float) -> Tensor:
    """Each unit's weights scaled back to length `c` where they are longer.

        wᵢ ← wᵢ·min(1, c/‖wᵢ‖₂)

    It is the nearest point with ‖wᵢ‖ ≤ c.

    >>> max_norm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])

    Args:
        weight: (units, *), at least two dimensions. Not changed.
        c: Above 0.

    Returns: The same shape and dtype.
    Source: Srivastava et al. 2014, section 5.1.
    """
    return weight * (c / unit_norms(weight).clamp(min=1e-12)).clamp(max=1.0).to(weight.dtype)


def unit_norms(weight: Tensor) -> Tensor:
    """Euclidean norm of each unit's weights, (units, *) → (units, 1, …).

    Units are the first dimension: the outputs of a Linear or a convolution, the gates of a recurrent
    layer, the words of an embedding. (In a transposed convolution it is the inputs.)
    """
    norms: Tensor = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
    return norms


@dataclass(frozen=True)
class MaxNorm:
    """‖wᵢ‖₂ ≤ c for the incoming weights of each unit, restored after every step of the optimizer.

    A bound rather than a pull: weights inside are left alone, so that large rates stay safe.

    Args:
        c: The largest norm, above 0; 3 or 4 in the paper.
        where: Names of parameters; None for all with two or more dimensions.

    Source: Srebro et al. 2005; Srivastava et al. 2014, section 5.1.
    """

    name: ClassVar[str] = "max-norm"

    c: float
    where: str | None = None

    def __post_init__(self) -> None:
        POSITIVE.check(self.name, "c", self.c)

    @torch.no_grad()
    def project(self, parameters: Parameters) -> None:
        """Bring the parameters chosen back inside, in place; vectors are refused, they are no units."""
        for name, weight in chosen(self.name, parameters, self.where):
            if weight.ndim < 2:
                what = f"parameter {name!r}" if name else "a parameter"
                raise BadValue(f"{self.name}: {what} of shape {tuple(weight.shape)} has no units. Leave it out.")
            weight.copy_(max_norm(weight, self.c))

    def for_optimizer(self) -> dict[str, float]:
        """`max_norm`."""
        return {"max_norm": self.c}


MAX_NORM = Technique(
    name="max-norm",
    make=MaxNorm,
    main="c",
    acts=Acts.WEIGHTS,
    formula="wᵢ ← wᵢ·min(1, c/‖wᵢ‖₂)",
    source=Source(
        "Srivastava et al.",
        2014,
        "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
        "Journal of Machine Learning Research",
    ),
)
