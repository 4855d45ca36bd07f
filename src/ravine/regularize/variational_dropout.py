"""Variational dropout: one mask for all steps of a sequence."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import UNIT
from ravine.core.sources import Source
from ravine.regularize.masks import drop
from ravine.regularize.outputs import OutputTechnique
from ravine.regularize.technique import Acts, Technique


def variational_dropout(x: Tensor, p: float, generator: Generator | None = None, *, batch_first: bool = True) -> Tensor:
    """Each feature of each row zero with probability p at all steps alike, the others divided by 1 − p.

        y[b, t, f] = x[b, t, f]·m[b, f] / (1 − p),  m ~ Bernoulli(1 − p)          E[y] = x

    A mask drawn anew at each step averages out over time: the network looks at another step.

    Args:
        x: (batch, time, features), or (time, batch, features); or (time, features), one row. Not changed.
        p: Probability to drop a feature, in [0, 1].
        generator: Source of chance, on the device of x; the global one when None.
        batch_first: Which of the first two dimensions of three is the batch.

    Returns: The same shape and dtype.
    Source: Gal & Ghahramani 2016 (arXiv:1512.05287), the masks between layers.
    """
    UNIT.check("variational-dropout", "p", p)
    if x.ndim not in (2, 3):
        must = "have shape (batch, time, features)"
        raise BadValue(refusal("variational-dropout", "its input", must, tuple(x.shape)))
    time = 0 if x.ndim == 2 or not batch_first else 1
    return x * drop(torch.ones_like(x.select(time, 0), requires_grad=False), p, generator).unsqueeze(time)


def packed_variational_dropout(x: PackedSequence, p: float, generator: Generator | None = None) -> PackedSequence:
    """The same for sequences of different lengths, packed: each sequence keeps its mask."""
    UNIT.check("variational-dropout", "p", p)
    masks = drop(x.data.new_ones(int(x.batch_sizes[0]), *x.data.shape[1:]), p, generator)
    row = torch.cat([torch.arange(int(size)) for size in x.batch_sizes])
    return x._replace(data=x.data * masks[row.to(x.data.device)])


class VariationalDropout(OutputTechnique):
    """`variational_dropout` after layers while training, or a layer of its own.

    Where nobody says where: after recurrent layers, `nn.RNN`, `nn.GRU`, `nn.LSTM`. Whether the batch
    comes first is read from the layer where it says so. The paper's masks on the recurrent
    connections are `DropConnect`'s part, on the hidden weights.

    Args:
        p: Probability to drop a feature, in [0, 1].
        batch_first: Order of the dimensions where the layer does not say.
        generator: Source of chance, on the device of the activations; the global one when None.

    Source: Gal & Ghahramani 2016.
    """

    name: ClassVar[str] = "variational-dropout"
    kinds = (nn.RNNBase,)

    def __init__(self, p: float = 0.2, batch_first: bool = True, generator: Generator | None = None) -> None:
        super().__init__()
        self.p = UNIT.check(self.name, "p", p)
        self.batch_first = batch_first
        self.generator = generator

    def change(self, x: Tensor | PackedSequence) -> Tensor | PackedSequence:
        """The sequences, some features zero throughout."""
        return self.change_at(x, None, 0)

    def change_at(self, x: Tensor | PackedSequence, layer: nn.Module | None, passes: int) -> Tensor | PackedSequence:
        """The same; the layer may say whether the batch comes first."""
        del passes
        if isinstance(x, PackedSequence):
            return packed_variational_dropout(x, self.p, self.generator)
        batch_first = bool(getattr(layer, "batch_first", self.batch_first))
        return variational_dropout(x, self.p, self.generator, batch_first=batch_first)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, batch_first={self.batch_first}"


VARIATIONAL_DROPOUT = Technique(
    name="variational-dropout",
    make=VariationalDropout,
    main="p",
    acts=Acts.LAYERS,
    formula="y[b, t] = x[b, t] ∘ m[b] / (1 − p),  m ~ Bernoulli(1 − p)",
    source=Source(
        "Gal & Ghahramani",
        2016,
        "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks",
        arxiv="1512.05287",
    ),
)
