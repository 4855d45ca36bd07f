"""Monte Carlo dropout: predictions by many masks, and what their disagreement says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.regularize.apply import attached
from ravine.regularize.outputs import OutputTechnique, arounds

Kind = Literal["classes", "labels", "numbers"]

_AT_LEAST_ONE = Interval(1.0, right_open=True)
_AT_LEAST_TWO = Interval(2.0, right_open=True)


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """Predictions by many masks.

    Attributes:
        draws: One prediction a mask, (samples, batch, outputs): probabilities, or numbers.
        mean: Their mean, (batch, outputs).
        std: Their standard deviation, (batch, outputs): what the network does not know.
        entropy: Of the mean probabilities, in nats: all doubt. (batch,); for labels (batch, labels);
            None for numbers.
        information: Between the answer and the mask, in nats: the part of the doubt that more data
            would take away; the rest lies in the rows. Shape as entropy; None for numbers.
    """

    draws: Tensor
    mean: Tensor
    std: Tensor
    entropy: Tensor | None
    information: Tensor | None


def entropy(probabilities: Tensor) -> Tensor:
    """−Σ p·log p over the last dimension, in nats; 0·log 0 is 0.

    >>> entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    terms: Tensor = torch.special.entr(probabilities)
    return terms.sum(-1)


def mutual_information(draws: Tensor) -> Tensor:
    """How much one mask's answer tells about the mask: the entropy of the mean minus the mean entropy.

        I = H[1/S Σₛ pₛ] − 1/S Σₛ H[pₛ]

    0 where all masks say the same, be it "one of two"; log 2 where half of them are sure of one
    class and half of another.

    Args:
        draws: Probabilities, (samples, *, classes).

    Returns: In nats, at least 0, (*).
    Source: Houlsby et al. 2011 (arXiv:1112.5745), equation 2; Gal et al. 2017 (arXiv:1703.02910).
    """
    return (entropy(draws.mean(0)) - entropy(draws).mean(0)).clamp(min=0)


def mc_predict(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor],
    samples: int = 20,
    *,
    kind: Kind = "classes",
    seed: int | None = None,
    at_once: int = 4096,
) -> MonteCarlo:
    """Predict with dropout at work, many times, and say how much the answers differ.

    Dropout, torch's or ours, works as in training; batch normalization and everything else as in
    evaluation. Masks differ between rows where each row has its own: then many samples go through
    the network as one large batch. Where one draw serves the whole batch (DropConnect, noise on
    weights, random pooling) each sample is a pass of its own.

    Args:
        model: Any network with dropout in it, `apply(model, Dropout(0.2))` puts some there. Its
            output is logits, (batch, classes) or (batch, labels), or numbers, (batch, *). Its modes
            are afterwards what they were.
        inputs: One batch, or several fields, as the network takes them; rows first.
        samples: How many masks, at least 2.
        kind: "classes": logits of one class a row; "labels": logits of yes or no each; "numbers".
        seed: Makes it repeatable, and leaves the global generators as they were; None draws on.
        at_once: Most rows in one pass.

    Returns: Mean, spread, and for classes and labels entropy and mutual information.

    Raises:
        BadValue: Nothing in the network is random.

    Source: Gal & Ghahramani 2016 (arXiv:1506.02142).
    """
    _AT_LEAST_TWO.check("mc_predict", "samples", samples)
    _AT_LEAST_ONE.check("mc_predict", "at_once", at_once)
    if kind not in get_args(Kind):
        raise BadValue(refusal("mc_predict", "kind", f"be one of {', '.join(get_args(Kind))}", kind))
    fields = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    rows = len(fields[0])
    devices = {field.device for field in fields if field.device.type != "cpu"}
    kept = torch.random.fork_rng(devices) if seed is not None else nullcontext()
    with torch.no_grad(), kept, _awake(model) as by_row:
        if seed is not None:
            torch.manual_seed(seed)
        group = max(1, at_once // max(rows, 1)) if by_row else 1
        parts = []
        for start in range(0, samples, group):
            count = min(group, samples - start)
            out: Tensor = model(*(_repeated(field, count) for field in fields))
            parts.append(out.view(count, rows, *out.shape[1:]))
    return summary(torch.cat(parts), kind)


def summary(outputs: Tensor, kind: Kind) -> MonteCarlo:
    """What outputs by many masks say.

    Args:
        outputs: Logits or numbers, (samples, batch, *).
        kind: As for `mc_predict`.
    """
    if kind == "numbers":
        return MonteCarlo(outputs, outputs.mean(0), outputs.std(0), None, None)
    # Differences of entropies are small: they need the digits.
    wide = outputs.to(torch.float64)
    draws = wide.softmax(-1) if kind == "classes" else wide.sigmoid()
    each = draws if kind == "classes" else torch.stack([draws, 1 - draws], -1)
    found = (draws, draws.mean(0), draws.std(0), entropy(each.mean(0)), mutual_information(each))
    return MonteCarlo(*(values.to(outputs.dtype) for values in found))


def _repeated(field: Tensor, count: int) -> Tensor:
    """All rows, then all rows again: (count·rows, *)."""
    return field if count == 1 else field.expand(count, *field.shape).flatten(0, 1)


@contextmanager
def _awake(model: nn.Module) -> Iterator[bool]:
    """All that is random works as in training, the rest as in evaluation; gives whether each row has its own chance."""
    modes = {layer: layer.training for layer in model.modules()}
    put = [around for layer in modes for around in arounds(layer)]
    random = [layer for layer in modes if _is_random(layer)]
    carriers = [layer for layer in modes if _carries(layer)]
    if not (put or random or carriers):
        raise BadValue(
            f"mc_predict: nothing in the {type(model).__name__} is random. Put dropout into it, and train it so: "
            "ravine.regularize.apply(model, Dropout(0.2))."
        )
    try:
        model.eval()
        for layer in (*random, *carriers):
            layer.training = True
        for around in put:
            around.awake = True
        yield (
            not carriers
            and all(around.act.by_row for around in put)
            and all(getattr(layer, "by_row", True) for layer in random)
        )
    finally:
        for around in put:
            around.awake = False
        for layer, training in modes.items():
            layer.training = training


def _is_random(layer: nn.Module) -> bool:
    """Whether `layer` itself draws in training; of torch's layers those with a rate above 0."""
    if isinstance(layer, OutputTechnique):
        return True
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        return layer.p > 0
    if isinstance(layer, nn.RNNBase | nn.MultiheadAttention):
        return layer.dropout > 0
    # In evaluation it may compute in one fused operation, past the layers that drop.
    return isinstance(layer, nn.TransformerEncoderLayer) and any(
        _is_random(inner) or next(arounds(inner), None) is not None for inner in layer.modules() if inner is not layer
    )


def _carries(layer: nn.Module) -> bool:
    """Whether `layer` carries a technique that goes by the layer's own mode, on its weights."""
    if isinstance(layer, nn.modules.batchnorm._NormBase):
        return False
    return any(not hasattr(technique, "by_row") for technique in attached(layer).values())
