"""DropConnect: random weights are zero while training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE, UNIT
from ravine.core.sources import Source
from ravine.regularize.masks import drop
from ravine.regularize.technique import Acts, Technique
from ravine.regularize.weights import OutputFilter, Role

Inference = Literal["mean", "gaussian"]


def drop_connect(weight: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Zero each weight with probability `p`, and divide the others by 1 − p.

        Ŵ = W ∘ M / (1 − p),  Mᵢⱼ ~ Bernoulli(1 − p)          E[Ŵ] = W

    The division is the paper's scaling at test time moved to training, so that evaluation is the
    plain layer: training with W ∘ M and testing with (1 − p)·W is the same up to the scale of W.

    >>> drop_connect(torch.ones(2, 3), 0.5, torch.Generator().manual_seed(1)).unique()
    tensor([0., 2.])

    Args:
        weight: Any shape (*). Not changed.
        p: Probability in [0, 1] that a weight is zero; 1 leaves only zeros.
        generator: Source of chance, on the device of the weight; the global one when None.

    Returns: The same shape and dtype.
    Source: Wan et al. 2013, section 3; their p is the probability to keep, 1 − ours.
    """
    UNIT.check("dropconnect", "p", p)
    return drop(weight, p, generator)


def drop_connect_rows(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, p: float, generator: Generator | None = None
) -> Tensor:
    """A linear layer with a mask for each row of the batch, as in the paper.

        uᵢ = (W ∘ Mᵢ / (1 − p))·vᵢ + b

    The masks together are as large as the batch times the weight: (batch, out, in).

    Args:
        inputs: v, (batch, *, in); what lies between shares the mask of its row. Or (in,).
        weight: W, (out, in).
        bias: b, (out,). Never masked, other than in the paper.
        p: Probability in [0, 1] that a weight is zero.
        generator: Source of chance; the global one when None.

    Returns: u, (batch, *, out).
    Source: Wan et al. 2013, Algorithm 1.
    """
    UNIT.check("dropconnect", "p", p)
    if inputs.ndim == 1:
        return nn.functional.linear(inputs, drop(weight, p, generator), bias)
    masked = drop(weight.expand(len(inputs), *weight.shape), p, generator)
    rows = inputs.flatten(1, -2) if inputs.ndim > 2 else inputs[:, None]
    outputs = (rows @ masked.mT).reshape(*inputs.shape[:-1], len(weight))
    return outputs if bias is None else outputs + bias


class Moments(NamedTuple):
    """What a layer's output is over all masks."""

    mean: Tensor  # (batch, *, out)
    variance: Tensor  # (batch, *, out)


def gaussian_moments(inputs: Tensor, weight: Tensor, bias: Tensor | None, p: float) -> Moments:
    """Mean and variance over all masks of a linear layer with DropConnect.

        E[u] = W·v + b          Var[u] = p/(1 − p) · (W ∘ W)·(v ∘ v)

    A sum of many independent terms, u is nearly Gaussian. In the paper's scaling, without the
    division by 1 − p in training and with p the probability to keep, these are p·W·v and
    p(1 − p)·(W ∘ W)(v ∘ v).

    Args:
        inputs: v, (batch, *, in).
        weight: W, (out, in).
        bias: b, (out,), or None.
        p: Probability in [0, 1) that a weight is zero.

    Source: Wan et al. 2013, equation 9.
    """
    BELOW_ONE.check("dropconnect", "p", p)
    mean = nn.functional.linear(inputs, weight, bias)
    return Moments(mean, nn.functional.linear(inputs.square(), weight.square()) * (p / (1 - p)))


def average_activation(
    activation: Callable[[Tensor], Tensor],
    moments: Moments,
    samples: int = 1000,
    generator: Generator | None = None,
) -> Tensor:
    """The mean of an activation over Gaussian inputs, by sampling: the paper's inference.

        r = 1/Z · Σ a(u⁽ᶻ⁾),  u⁽ᶻ⁾ ~ N(mean, variance)

    Args:
        activation: Elementwise.
        moments: Of what goes in, (batch, *, out) each.
        samples: Z, at least 1.
        generator: Source of chance, on the device of the moments; the global one when None.

    Returns: (batch, *, out).
    Source: Wan et al. 2013, Algorithm 2.
    """
    if samples < 1:
        raise BadValue(refusal("dropconnect", "samples", "be at least 1", samples))
    total = torch.zeros_like(moments.mean)
    for _ in range(samples):
        total += activation(_sampled(moments, generator))
    return total / samples


@dataclass(frozen=True, eq=False)
class DropConnect(OutputFilter):
    """`drop_connect` on the weights of layers while training.

    One mask a layer and step, for the whole batch and, in recurrent layers (hidden weights only), the
    whole sequence. The paper draws a mask for each row; `per_row` does so in Linear layers, at the
    price of a batch of weights. The expected gradient is the same, its noise is smaller.

    Evaluation:

    - "mean": the plain layer, at no cost; what averages the masks before the activation.
    - "gaussian" (Linear only): outputs are drawn from the Gaussian with the moments over all masks,
      anew at each call. Averaged over calls it is the paper's inference, after the activation and
      through all later layers; `average_activation` does so for one layer.

    A `generator` breaks the graphs of `torch.compile`; without one they stay whole. On a GPU cuDNN says
    once that a recurrent layer's weights are not one piece of memory: masked ones are copied at each pass.

    Args:
        p: Probability in [0, 1] that a weight is zero; below 1 for "gaussian".
        inference: What evaluation computes.
        per_row: Whether each row of the batch has a mask of its own.
        generator: Source of chance, on the device of the weights; the global one when None.

    Source: Wan et al. 2013; on hidden weights, Merity et al. 2018 (arXiv:1708.02182).
    """

    name: ClassVar[str] = "dropconnect"

    p: float = 0.5
    inference: Inference = "mean"
    per_row: bool = False
    generator: Generator | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.inference not in get_args(Inference):
            must = f"be one of {', '.join(map(repr, get_args(Inference)))}"
            raise BadValue(refusal(self.name, "inference", must, self.inference))
        bound = BELOW_ONE if self.inference == "gaussian" else UNIT
        if not isinstance(self.p, int | float) or math.isnan(self.p):
            raise BadValue(refusal(self.name, "p", bound.must, self.p))
        bound.check(self.name, "p", self.p)

    def suits(self, name: str, layer: nn.Module) -> bool:
        """Whether it is put on `layer` when nobody says where: Linear alone, where only that will do."""
        return isinstance(layer, nn.Linear) if self._linear_only else super().suits(name, layer)

    def check(self, name: str, layer: nn.Module) -> None:
        """Refuse layers without weights, and other layers than Linear where only that will do."""
        if self._linear_only and not isinstance(layer, nn.Linear):
            asked = "per_row=True" if self.per_row else 'inference="gaussian"'
            raise BadValue(f"{self.name}: {asked} is for Linear; layer {name!r} is a {type(layer).__name__}.")
        super().check(name, layer)

    def role(self, training: bool) -> Role:
        """Masks in training; in evaluation nothing, or outputs drawn."""
        if training:
            return "output" if self.per_row else "weight"
        return "output" if self.inference == "gaussian" else "none"

    def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:  # noqa: ARG002 (the same at any time)
        """The weight with some of it zero."""
        return drop(weight, self.p, self.generator)

    def output(self, inputs: Tensor, weight: Tensor, bias: Tensor | None, training: bool) -> Tensor:
        """In training rows with masks of their own, in evaluation a draw from the Gaussian."""
        if training:
            return drop_connect_rows(inputs, weight, bias, self.p, self.generator)
        return _sampled(gaussian_moments(inputs, weight, bias, self.p), self.generator)

    @property
    def _linear_only(self) -> bool:
        return self.per_row or self.inference == "gaussian"


def _sampled(moments: Moments, generator: Generator | None) -> Tensor:
    like = moments.mean
    noise = torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    # A row of zeros has no variance, and the root no slope there.
    smallest = torch.finfo(like.dtype).tiny
    return torch.addcmul(like, noise, moments.variance.clamp(min=smallest).sqrt())


DROPCONNECT = Technique(
    name="dropconnect",
    make=DropConnect,
    main="p",
    acts=Acts.LAYERS,
    formula="Ŵ = W ∘ M / (1 − p),  M ~ Bernoulli(1 − p)",
    source=Source(
        "Wan et al.",
        2013,
        "Regularization of Neural Networks using DropConnect",
        "ICML, proceedings.mlr.press/v28/wan13.html",
    ),
)
