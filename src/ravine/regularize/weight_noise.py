"""Gaussian noise on the weights of layers while training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.technique import Acts, Technique
from ravine.regularize.weights import Role, Schedule, WeightFilter


def weight_noise(
    weight: Tensor, std: Tensor | float, relative: bool = False, generator: Generator | None = None
) -> Tensor:
    """The weight with independent Gaussian noise on each element; the gradient passes through.

        Ŵ = W + σ·ε,  ε ~ N(0, 1)          relative:  Ŵ = W + σ·rms(W)·ε

    Args:
        weight: Any shape (*). Not changed.
        std: σ, at least 0; relative, a share of the root mean square of the weight.
        relative: Whether σ is measured by the weight; the root mean square counts as a constant.
        generator: Source of chance, on the device of the weight; the global one when None.

    Returns: The same shape and dtype.
    Source: Graves 2011, section 3; Murray & Edwards 1994.
    """
    noise = torch.randn(weight.shape, dtype=weight.dtype, device=weight.device, generator=generator)
    size = weight.detach().square().mean().sqrt() * std if relative else std
    return weight + noise * size


@dataclass(frozen=True, eq=False)
class WeightNoise(WeightFilter):
    """`weight_noise` on the weights of layers while training; evaluation is the plain layer.

    Each layer and pass draws anew; a recurrent layer once for its whole sequence, for its input and
    hidden weights. Biases stay as they are. To first order it penalizes how strongly the loss bends
    along the weights: σ²/2·tr(H).

    Args:
        std: σ, at least 0.
        relative: Whether σ is a share of the root mean square of each weight tensor.
        schedule: Training pass t, counted by each layer from `start` → factor of σ; any schedule of
            `ravine.schedules`. A compiled graph breaks at each layer that has one.
        start: Passes already made, in a run that goes on.
        generator: Source of chance, on the device of the weights; the global one when None.

    Source: Graves 2011, "Practical Variational Inference for Neural Networks".
    """

    name: ClassVar[str] = "weight-noise"
    inward: ClassVar[bool] = True

    std: float
    relative: bool = False
    schedule: Schedule | None = None
    start: int = 0
    generator: Generator | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        NON_NEGATIVE.check(self.name, "std", self.std)
        NON_NEGATIVE.check(self.name, "start", self.start)
        if self.schedule is not None and not callable(self.schedule):
            raise BadValue(refusal(self.name, "schedule", "be a function of the step, or None", self.schedule))

    def role(self, training: bool) -> Role:
        """Noise in training, nothing in evaluation."""
        return "weight" if training and self.std > 0 else "none"

    def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:
        """The weight with noise."""
        return weight_noise(weight, self.std * factor, self.relative, self.generator)


WEIGHT_NOISE = Technique(
    name="weight-noise",
    make=WeightNoise,
    main="std",
    acts=Acts.LAYERS,
    formula="Ŵ = W + σ·ε,  ε ~ N(0, 1)",
    source=Source("Graves", 2011, "Practical Variational Inference for Neural Networks", "NeurIPS"),
)
