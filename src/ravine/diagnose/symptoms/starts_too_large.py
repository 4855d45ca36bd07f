"""This run starts too large: the first weights make the signal grow from layer to layer."""

from __future__ import annotations

import statistics
from typing import Any

from ravine.diagnose.exact import finding, normalizes, weighted
from ravine.diagnose.first import begins_trained, first_layers, first_scales
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST = 2  # layers
GAIN = 3.0  # of a layer, in the middle; schemes that are in use have 0.3 to 1.5
LARGE = 10.0  # deviation of what the last layer gives
ON_THE_FLAT = 0.5  # share of bounded activations
SCALE = 2.0  # deviation of the weights times √fan-in, in the middle of the layers; schemes in use have 0.58 to 1.41


def starts_too_large(history: History) -> Finding | None:
    """Weights larger than those of any scheme in use, or layers that multiply the signal before the first update.

    What it sees: before the first update, the deviation of each layer's weights times the square root of its fan-in,
        in the middle of all layers. Or, at the first step, how many times larger the output of each layer is than its
        input, in root mean square; the deviation of the last output, and the share of bounded activations on the flat.
    Why it matters: the first answers are extreme and sure, and bounded activations have no gradient there.
    Not to be mistaken for: a network that was trained before, whose loss shows it; large inputs, which a layer only
        passes on; networks with a normalization after each layer, to which the scale of the weights does not matter.
    What to do: a scheme that keeps the variance, He or Glorot; torch's layers come with one.
    Source: Glorot & Bengio 2010; He et al. 2015; Mishkin & Matas 2016.
    """
    if begins_trained(history) or normalizes(history):
        return None
    names = weighted(history)
    scales = first_scales(history)
    if len(scales) >= FEWEST and statistics.median(scales.values()) > SCALE:
        return finding(
            STARTS_TOO_LARGE,
            f"Before the first update a layer multiplies what it is given by {statistics.median(scales.values()):.2g} "
            f"(deviation of the weights times √fan-in, in the middle of {len(scales)} layers); schemes in use have "
            "0.6 to 1.4.",
            step=0,
            details={"scales": scales},
            confidence=0.97,
        )
    layers = first_layers(history, names)
    if len(layers) < FEWEST:
        return None
    middle = statistics.median(layer.gain for layer in layers)
    flat = max((row.get("saturated") or 0.0 for row in _first_rows(history)), default=0.0)
    last = layers[-1]
    if middle < GAIN or (last.out < LARGE and flat < ON_THE_FLAT):
        return None
    widest = max(layers, key=lambda layer: layer.gain)
    return finding(
        STARTS_TOO_LARGE,
        f"Before the first update layers multiply the signal by {middle:.3g} (in the middle; {widest.name} by "
        f"{widest.gain:.3g}), so that the last one, {last.name}, gives numbers of ±{last.out:.3g}.",
        step=0,
        details={"gains": {layer.name: layer.gain for layer in layers}},
        confidence=0.97,
    )


def _first_rows(history: History) -> list[dict[str, Any]]:
    rows = list(history.of_kind("layer"))
    return [row for row in rows if row["step"] == rows[0]["step"]]


STARTS_TOO_LARGE = Symptom(
    name="starts-too-large",
    look=starts_too_large,
    needs=("weight_norm",),
    measure="run it as `ravine watch train.py`, or the model through `ravine probe`",
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Initialize with `nn.init.kaiming_normal_` (before ReLU) or `nn.init.xavier_normal_`.",
)
