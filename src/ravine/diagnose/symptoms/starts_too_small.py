"""This run starts too small: the first weights let the signal die from layer to layer."""

from __future__ import annotations

import math
import statistics

from ravine.diagnose.exact import finding, normalizes, weighted
from ravine.diagnose.first import begins_trained, first_layers, first_scales
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LEFT = 1e-3  # of the input, at the last layer
SCALE = 0.1  # deviation of the weights times √fan-in, in the middle of the layers; schemes in use have 0.58 to 1.41
FEWEST = 2  # layers


def starts_too_small(history: History) -> Finding | None:
    """Weights a fraction of those of any scheme in use, or a signal of which a thousandth reaches the last layer.

    What it sees: before the first update, the deviation of each layer's weights times the square root of its fan-in,
        in the middle of all layers; layers at zero are left out. Or, at the first step, the root mean square of what
        the last layer is given, over that of what the first is; layers that are given nothing but zeros lie behind
        dead units, and are left out.
    Why it matters: the gradient dies on its way back as the signal does on its way there: the loss stands still for
        long, or for good; behind normalizations, which bring the signal back, the first steps are far too large.
    Not to be mistaken for: a last layer that begins at zero on purpose; a branch that does.
    What to do: a scheme that keeps the variance, He or Glorot; torch's layers come with one.
    Source: Glorot & Bengio 2010; He et al. 2015.
    """
    if begins_trained(history):
        return None
    names = weighted(history)
    scales = first_scales(history)
    middle = statistics.median(scales.values()) if len(scales) >= FEWEST else math.inf
    if middle < SCALE:
        least = min(scales, key=lambda name: scales[name])
        return finding(
            STARTS_TOO_SMALL,
            f"Before the first update a layer multiplies what it is given by {middle:.2g} (deviation of the weights "
            f"times √fan-in, in the middle of {len(scales)} layers; {least or 'the first'} by {scales[least]:.2g}); "
            "schemes in use have 0.6 to 1.4.",
            step=0,
            details={"scales": scales},
            confidence=0.97,
        )
    if normalizes(history):
        return None
    layers = [layer for layer in first_layers(history, names) if layer.given > 0]
    if len(layers) < FEWEST:
        return None
    left = layers[-1].given / layers[0].given
    if left > LEFT:
        return None
    weakest = min(layers[:-1], key=lambda layer: layer.gain)
    return finding(
        STARTS_TOO_SMALL,
        f"Before the first update {left:.2g} of the signal at {layers[0].name} is left at {layers[-1].name}; "
        f"{weakest.name} alone multiplies it by {weakest.gain:.2g}.",
        step=0,
        details={"gains": {layer.name: layer.gain for layer in layers}, "left": left},
        confidence=0.97,
    )


STARTS_TOO_SMALL = Symptom(
    name="starts-too-small",
    look=starts_too_small,
    needs=("weight_norm",),
    measure="run it as `ravine watch train.py`, or the model through `ravine probe`",
    causes=("starts-symmetric", "is-unscaled"),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Initialize with `nn.init.kaiming_normal_` (before ReLU) or `nn.init.xavier_normal_`.",
)
