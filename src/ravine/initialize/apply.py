"""A scheme on a whole network, layer by layer."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Generator, Tensor, nn

from ravine.initialize.activations import ACTIVATIONS
from ravine.initialize.catalogue import SCHEMES
from ravine.initialize.draws import normal_like
from ravine.initialize.head import find_head
from ravine.initialize.scheme import Scheme

EMBEDDING_STD = 0.1
"""Codes start small beside standardized numbers: a rare category is nobody until rows speak for it."""

_NORMS = (
    nn.modules.batchnorm._NormBase,  # batch and instance normalization, all dimensions
    nn.LayerNorm,
    nn.GroupNorm,
)


def apply(
    model: nn.Module,
    scheme: str = "auto",
    activation: str = "relu",
    generator: Generator | None = None,
) -> str:
    """Give every known layer of `model` its first values, in place.

    - Linear and convolution weights: `scheme`; "auto" takes what suits the activation (Kaiming for
      rectifiers, Xavier for tanh and sigmoid, LeCun for SELU), and LeCun for the head, which no
      activation follows.
    - GRU, LSTM and RNN: Xavier on inputs, orthogonal on the recurrent weights, gate by gate; the
      forget gate of an LSTM starts open (bias 1).
    - Embeddings: N(0, 0.1²); the padding row 0.
    - Normalizations: scale 1, shift 0. Biases: 0.
    - Layers of other kinds keep their own values.

    Args:
        model: Any network.
        scheme: "auto" or a name in `SCHEMES`, then used for every weight, head included.
        activation: The activation between the layers, a name in `ACTIVATIONS`.
        generator: Source of chance; the global one when None.

    Returns: What was done, for people: "kaiming (relu): 4 weights; lecun: the head; …".

    Raises:
        BadValue: An unknown scheme or activation; "zeros".
    """
    suited = ACTIVATIONS[activation]
    chosen = SCHEMES[suited.scheme if scheme == "auto" else scheme]
    last = SCHEMES["lecun"] if scheme == "auto" else chosen
    head = find_head(model)
    done: Counter[str] = Counter()
    with torch.no_grad():
        for layer in model.modules():
            if layer is head:
                done[f"{last.name}: the head"] += _weighted(head, last, 1.0, generator)
            elif isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
                done[f"{chosen.name} ({activation})"] += _weighted(layer, chosen, suited.gain, generator)
            elif isinstance(layer, nn.RNNBase):
                done["xavier and orthogonal: recurrent"] += _recurrent(layer, generator)
            elif isinstance(layer, nn.Embedding):
                done[f"N(0, {EMBEDDING_STD}²): embeddings"] += _embedding(layer, generator)
            elif isinstance(layer, _NORMS):
                done["scale 1, shift 0: normalizations"] += _norm(layer)
    return "; ".join(f"{what} × {count}" if count > 1 else what for what, count in done.items() if count)


def _weighted(
    layer: nn.Linear | nn.modules.conv._ConvNd, scheme: Scheme, gain: float, generator: Generator | None
) -> int:
    layer.weight.copy_(scheme.draw(layer.weight, gain, generator))
    if layer.bias is not None:
        layer.bias.zero_()
    return 1


def _recurrent(layer: nn.RNNBase, generator: Generator | None) -> int:
    recurrent, inward = SCHEMES["orthogonal"], SCHEMES["xavier"]
    for name, value in layer.named_parameters(recurse=False):
        if name.startswith("bias"):
            value.zero_()
            if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                value[layer.hidden_size : 2 * layer.hidden_size] = 1.0
            continue
        scheme = recurrent if name.startswith("weight_hh") else inward
        for gate in _gates(value, layer.hidden_size):
            gate.copy_(scheme.draw(gate, 1.0, generator))
    return 1


def _gates(weight: Tensor, hidden: int) -> tuple[Tensor, ...]:
    """The gates of a recurrent weight, stacked along its rows; an LSTM's projection is one alone."""
    if weight.shape[0] % hidden:
        return (weight,)
    return tuple(weight[row : row + hidden] for row in range(0, weight.shape[0], hidden))


def _embedding(layer: nn.Embedding, generator: Generator | None) -> int:
    layer.weight.copy_(normal_like(layer.weight, EMBEDDING_STD, generator))
    if layer.padding_idx is not None:
        layer.weight[layer.padding_idx] = 0.0
    return 1


def _norm(layer: nn.Module) -> int:
    for name, value in layer.named_parameters(recurse=False):
        value.fill_(1.0 if name == "weight" else 0.0)
    if isinstance(layer, nn.modules.batchnorm._NormBase):
        layer.reset_running_stats()
    return 1
