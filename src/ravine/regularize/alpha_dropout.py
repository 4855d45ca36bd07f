"""Alpha dropout: units of SELU networks drop to SELU's floor, and mean and variance stay."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch.nn.functional as nnf
from torch import Generator, Tensor, nn

from ravine.core.intervals import BELOW_ONE
from ravine.core.sources import Source
from ravine.regularize.masks import keep_mask
from ravine.regularize.outputs import OutputTechnique
from ravine.regularize.technique import Acts, Technique

FLOOR = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
"""α′ = −λα, what SELU gives far below zero."""


class Affine(NamedTuple):
    """What keeps mean 0 and variance 1: y = a·x + b."""

    a: float
    b: float


def affine(p: float) -> Affine:
    """The scale and shift that follow the drop.

        a = (q + α′²·q·(1 − q))^(−1/2),   b = −a·(1 − q)·α′,   q = 1 − p

    >>> affine(0.0)
    Affine(a=1.0, b=0.0)
    """
    q = 1 - p
    a = 1 / math.sqrt(q + FLOOR**2 * q * p)
    return Affine(a, -a * p * FLOOR)


def alpha_dropout(x: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Each element α′ with probability p, then scaled and shifted so that N(0, 1) stays N(0, 1) in its moments.

        y = a·(x ∘ m + α′·(1 − m)) + b,  m ~ Bernoulli(1 − p)

    Args:
        x: Any shape (*), of mean 0 and variance 1 for the law to hold. Not changed.
        p: Probability to drop, in [0, 1).
        generator: Source of chance, on the device of x; the global one when None.

    Returns: The same shape and dtype.
    Source: Klambauer et al. 2017 (arXiv:1706.02515), section "New Dropout Technique".
    """
    BELOW_ONE.check("alpha-dropout", "p", p)
    if p == 0:
        return x
    if generator is None:
        return nnf.alpha_dropout(x, p, training=True)
    a, b = affine(p)
    kept = keep_mask(x, p, generator)
    return x * (kept * a) + ((1 - kept) * (a * FLOOR) + b)


class AlphaDropout(OutputTechnique):
    """`alpha_dropout` after layers while training, or a layer of its own.

    Where nobody says where: after SELU, whose fixed point it keeps; nowhere else is it of use.

    Args:
        p: Probability to drop, in [0, 1); 0.05 to 0.1 are usual.
        generator: Source of chance, on the device of the activations; the global one when None.

    Source: Klambauer et al. 2017.
    """

    name: ClassVar[str] = "alpha-dropout"
    kinds = (nn.SELU,)

    def __init__(self, p: float = 0.1, generator: Generator | None = None) -> None:
        super().__init__()
        self.p = BELOW_ONE.check(self.name, "p", p)
        self.generator = generator

    def change(self, x: Tensor) -> Tensor:
        """The tensor, some of it at SELU's floor."""
        return alpha_dropout(x, self.p, self.generator)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}"


ALPHA_DROPOUT = Technique(
    name="alpha-dropout",
    make=AlphaDropout,
    main="p",
    acts=Acts.LAYERS,
    formula="y = a·(x ∘ m + α′·(1 − m)) + b,  m ~ Bernoulli(1 − p)",
    source=Source("Klambauer et al.", 2017, "Self-Normalizing Neural Networks", arxiv="1706.02515"),
)
