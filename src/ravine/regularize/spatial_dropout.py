"""Spatial dropout: whole channels are zero while training."""

from __future__ import annotations

from typing import ClassVar

from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import UNIT
from ravine.core.sources import Source
from ravine.regularize.masks import drop
from ravine.regularize.outputs import CONVOLUTIONS, OutputTechnique, hidden_activations
from ravine.regularize.technique import Acts, Technique


def spatial_dropout(x: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Each channel of each row zero with probability p, the others divided by 1 − p.

        y[b, c, …] = x[b, c, …]·m[b, c] / (1 − p),  m ~ Bernoulli(1 − p)          E[y] = x

    Neighbouring places of a channel say nearly the same; with one of them dropped, the rest tells it.

    Args:
        x: (batch, channels, *places). Not changed.
        p: Probability to drop a channel, in [0, 1].
        generator: Source of chance, on the device of x; the global one when None.

    Returns: The same shape and dtype.
    Source: Tompson et al. 2015 (arXiv:1411.4280), section 3.2.
    """
    UNIT.check("spatial-dropout", "p", p)
    if x.ndim < 3:
        must = "have shape (batch, channels, *places)"
        raise BadValue(refusal("spatial-dropout", "its input", must, tuple(x.shape), "Vectors take dropout."))
    return x * drop(x.new_ones((*x.shape[:2], *(1 for _ in x.shape[2:]))), p, generator)


class SpatialDropout(OutputTechnique):
    """`spatial_dropout` after layers while training, or a layer of its own.

    Where nobody says where: after the activations of hidden convolutions.

    Args:
        p: Probability to drop a channel, in [0, 1].
        generator: Source of chance, on the device of the activations; the global one when None.

    Source: Tompson et al. 2015.
    """

    name: ClassVar[str] = "spatial-dropout"

    def __init__(self, p: float = 0.2, generator: Generator | None = None) -> None:
        super().__init__()
        self.p = UNIT.check(self.name, "p", p)
        self.generator = generator

    def change(self, x: Tensor) -> Tensor:
        """The tensor, some channels zero."""
        return spatial_dropout(x, self.p, self.generator)

    def places(self, model: nn.Module) -> dict[str, nn.Module]:
        """The activations of hidden convolutions."""
        return hidden_activations(model, CONVOLUTIONS)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}"


SPATIAL_DROPOUT = Technique(
    name="spatial-dropout",
    make=SpatialDropout,
    main="p",
    acts=Acts.LAYERS,
    formula="y[b, c] = x[b, c]·m[b, c] / (1 − p),  m ~ Bernoulli(1 − p)",
    source=Source(
        "Tompson et al.", 2015, "Efficient Object Localization Using Convolutional Networks", arxiv="1411.4280"
    ),
)
