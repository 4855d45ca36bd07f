"""Noise on the features of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.technique import Acts, Technique


def feature_noise(values: Tensor, std: float, noise: Tensor) -> Tensor:
    """Each number plus noise on the scale of its column: x + std·σ_column·noise.

    σ is the standard deviation of the column in the batch, so that raw columns of any unit can be given.
    Missing numbers (NaN) stay missing and are left out of σ; a column that is constant in the batch stays.

    Args:
        values: Float, (batch, features). Not changed.
        std: In standard deviations of the column; 0 changes nothing.
        noise: Standard normal, (batch, features).

    Returns: New values of the same shape and dtype.
    Source: Bishop 1995, Training with noise is equivalent to Tikhonov regularization.
    """
    NON_NEGATIVE.check("feature-noise", "std", std)
    if values.ndim != 2 or not values.is_floating_point():
        must = "be floating-point numbers (batch, features)"
        raise BadValue(refusal("feature-noise", "values", must, f"{values.dtype} of {tuple(values.shape)}"))
    if std == 0:
        return values
    centred = values - values.nanmean(0)
    spread = centred.square().nanmean(0).sqrt().nan_to_num(0.0)
    return values + noise * (std * spread)


@dataclass(frozen=True, slots=True)
class FeatureNoise:
    """`feature_noise` on every field of floating-point numbers, on each training batch.

    Attributes:
        std: In standard deviations of each column.
        generator: Source of chance, on the device of the fields; the global one when None.

    Source: Bishop 1995.
    """

    std: float = 0.1
    generator: Generator | None = None

    def __post_init__(self) -> None:
        NON_NEGATIVE.check("feature-noise", "std", self.std)

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """Numbers with noise; codes and targets as they are."""
        return tuple(self._noisy(field) if field.is_floating_point() else field for field in inputs), target

    def _noisy(self, field: Tensor) -> Tensor:
        noise = torch.randn(field.shape, device=field.device, dtype=field.dtype, generator=self.generator)
        return feature_noise(field, self.std, noise)


FEATURE_NOISE = Technique(
    name="feature-noise",
    make=FeatureNoise,
    main="std",
    acts=Acts.BATCH,
    formula="x ← x + s·σ_column·ε, ε ~ N(0, 1)",
    source=Source("Bishop", 1995, "Training with Noise is Equivalent to Tikhonov Regularization"),
)
