"""Dropout: random units are zero while training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import UNIT
from ravine.core.sources import Source
from ravine.regularize.masks import drop, keep_mask
from ravine.regularize.outputs import CONVOLUTIONS, OutputTechnique, hidden_activations, put, take_off
from ravine.regularize.technique import Acts, Technique

Reading = Literal["inverted", "test-time"]

_OWN_RATE = "_ravine_own_rate"


def dropout(x: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Inverted dropout: each element zero with probability p, the others divided by 1 − p.

        y = x ∘ m / (1 − p),  m ~ Bernoulli(1 − p) each          E[y] = x

    Nothing is left to do at test time.

    Args:
        x: Any shape (*). Not changed.
        p: Probability to drop, in [0, 1]; 1 leaves only zeros.
        generator: Source of chance, on the device of x; the global one when None.

    Returns: The same shape and dtype.
    Source: Srivastava et al. 2014, section 10.
    """
    UNIT.check("dropout", "p", p)
    return drop(x, p, generator)


def dropped(x: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Dropout as first written, the training half: y = x ∘ m, m ~ Bernoulli(1 − p); E[y] = (1 − p)·x.

    Args:
        x: Any shape (*). Not changed.
        p: Probability to drop, in [0, 1].
        generator: Source of chance, on the device of x; the global one when None.

    Source: Hinton et al. 2012 (arXiv:1207.0580); Srivastava et al. 2014, section 4.
    """
    UNIT.check("dropout", "p", p)
    return x * keep_mask(x, p, generator)


def scaled(x: Tensor, p: float) -> Tensor:
    """Dropout as first written, the test half: (1 − p)·x, the expectation of `dropped`.

    The two readings are one up to scale: `dropped` and `scaled` are (1 − p) times `dropout` and x.
    Weights that follow come out 1/(1 − p) times as large, and so does what decay does to them.

    >>> import torch
    >>> scaled(torch.ones(2), 0.25)
    tensor([0.7500, 0.7500])
    """
    return x * (1 - UNIT.check("dropout", "p", p))


class Dropout(OutputTechnique):
    """`dropout` after layers while training, or a layer of its own.

    Where nobody says where:

    - A network with `nn.Dropout` layers has it there: whoever built it chose the places. The layers'
      own rates rest as long as it is on.
    - Any other has it after the activations of hidden Linear layers; without any, of hidden
      convolutions. Never after the answer, and not after activations that are called as functions.

    Inside `nn.TransformerEncoderLayer` say `where=nn.Dropout`. With `reading="test-time"` torch's fused
    evaluation of such layers is off, and each place costs a multiplication in evaluation.

    Args:
        p: Probability to drop, in [0, 1].
        reading: "inverted", or "test-time": no division in training, outputs times 1 − p in evaluation.
        generator: Source of chance, on the device of the activations; the global one when None. It
            breaks the graphs of `torch.compile`.

    Source: Srivastava et al. 2014.
    """

    name: ClassVar[str] = "dropout"
    kinds = (nn.Dropout,)

    def __init__(self, p: float = 0.5, reading: Reading = "inverted", generator: Generator | None = None) -> None:
        super().__init__()
        self.p = UNIT.check(self.name, "p", p)
        if reading not in get_args(Reading):
            raise BadValue(refusal(self.name, "reading", f"be one of {', '.join(get_args(Reading))}", reading))
        self.reading = reading
        self.generator = generator
        self.idle = reading == "inverted"

    def change(self, x: Tensor) -> Tensor:
        """The tensor, some of it zero."""
        return (drop if self.idle else dropped)(x, self.p, self.generator)

    def rest(self, x: Tensor) -> Tensor:
        """The tensor times 1 − p: what "test-time" says."""
        return scaled(x, self.p)

    def places(self, model: nn.Module) -> dict[str, nn.Module]:
        """Its `nn.Dropout` layers, else activations of hidden Linear layers, else of convolutions."""
        return (
            super().places(model) or hidden_activations(model, (nn.Linear,)) or hidden_activations(model, CONVOLUTIONS)
        )

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it after these layers, or in the place of them where they are `nn.Dropout`."""
        for layer in layers.values():
            if isinstance(layer, nn.Dropout):
                layer.__dict__[_OWN_RATE] = layer.p
                layer.p = 0.0
            put(layer, self.name, self)

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these layers; `nn.Dropout` has its own rate again."""
        for layer in layers.values():
            take_off(layer, self.name)
            if isinstance(layer, nn.Dropout):
                layer.p = layer.__dict__.pop(_OWN_RATE)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, reading={self.reading!r}"


DROPOUT = Technique(
    name="dropout",
    make=Dropout,
    main="p",
    acts=Acts.LAYERS,
    formula="y = x ∘ m / (1 − p),  m ~ Bernoulli(1 − p)",
    source=Source(
        "Srivastava et al.",
        2014,
        "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
        "JMLR 15, 1929–1958",
    ),
)
