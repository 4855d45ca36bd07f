"""Weight standardization: each unit's weights with mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue
from ravine.core.intervals import POSITIVE
from ravine.core.sources import Source
from ravine.regularize.technique import Acts, Technique
from ravine.regularize.weights import DENSE, Role, WeightFilter

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def standardize_weight(weight: Tensor, eps: float = 1e-5) -> Tensor:
    """Each unit's incoming weights moved to mean 0 and scaled to variance 1.

        Ŵᵢ = (Wᵢ − μᵢ) / √(σᵢ² + ε),  μᵢ and σᵢ² over the inputs of unit i

    The gradient goes through μ and σ, which takes from it its mean and its part along Ŵ.

    Args:
        weight: (units, *), at least two dimensions. Not changed.
        eps: ε, above 0; a unit with a single weight becomes 0.

    Returns: The same shape and dtype.
    Source: Qiao et al. 2019, equations 2 and 3; the variance is the biased one.
    """
    variance, mean = torch.var_mean(weight, dim=tuple(range(1, weight.ndim)), correction=0, keepdim=True)
    return (weight - mean) * torch.rsqrt(variance + eps)


@dataclass(frozen=True, eq=False)
class WeightStandardization(WeightFilter):
    """`standardize_weight` on convolutions and Linear layers, in training and in evaluation.

    Other than the regularizers it is another parametrization of the layer: putting it on changes what
    the network computes, also in evaluation, and a network trained with it needs it. It is meant to stand
    before a normalization (group norm), which makes up for the scale. When nobody says where, it is
    put on convolutions; a final layer loses its scale by it.

    Args:
        eps: ε, above 0.

    Source: Qiao et al. 2019.
    """

    name: ClassVar[str] = "weight-standardization"
    kinds: ClassVar[tuple[type[nn.Module], ...]] = _CONVOLUTIONS

    eps: float = 1e-5

    def __post_init__(self) -> None:
        POSITIVE.check(self.name, "eps", self.eps)

    def check(self, name: str, layer: nn.Module) -> None:
        """Refuse all but convolutions and Linear: elsewhere the first dimension is no unit."""
        if not isinstance(layer, DENSE):
            raise BadValue(f"{self.name}: acts on convolutions and Linear; layer {name!r} is a {type(layer).__name__}.")
        super().check(name, layer)

    def role(self, training: bool) -> Role:  # noqa: ARG002 (the same in both)
        """The same in training and evaluation."""
        return "weight"

    def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:  # noqa: ARG002 (the same at any time)
        """The weight standardized."""
        return standardize_weight(weight, self.eps)


WEIGHT_STANDARDIZATION = Technique(
    name="weight-standardization",
    make=WeightStandardization,
    main=None,
    acts=Acts.LAYERS,
    formula="Ŵᵢ = (Wᵢ − μᵢ) / √(σᵢ² + ε)",
    source=Source(
        "Qiao et al.",
        2019,
        "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization",
        arxiv="1903.10520",
    ),
)
