"""This run starts too small: the first weights let the signal die from layer to layer."""

from __future__ import annotations

from ravine.diagnose.exact import finding, normalizes, weighted
from ravine.diagnose.first import first_layers
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LEFT = 1e-3  # of the input, at the last layer


def starts_too_small(history: History) -> Finding | None:
    """Less than a thousandth of the signal reaches the last layer before the first update.

    What it sees: at the first step, the root mean square of what the last layer is given, over that of what the first
        is; layers that are given nothing but zeros lie behind dead units, and are left out.
    Why it matters: the gradient dies on its way back as the signal does on its way there: the loss stands still for
        long, or for good.
    Not to be mistaken for: a last layer that begins at zero on purpose; a branch that does; networks with a
        normalization after each layer.
    What to do: a scheme that keeps the variance, He or Glorot; torch's layers come with one.
    Source: Glorot & Bengio 2010; He et al. 2015.
    """
    if history.about.get("resumed") or normalizes(history):
        return None
    layers = [layer for layer in first_layers(history, weighted(history)) if layer.given > 0]
    if len(layers) < 2:
        return None
    left = layers[-1].given / layers[0].given
    if left > LEFT:
        return None
    least = min(layers[:-1], key=lambda layer: layer.gain)
    return finding(
        STARTS_TOO_SMALL,
        f"Before the first update {left:.2g} of the signal at {layers[0].name} is left at {layers[-1].name}; "
        f"{least.name} "
        f"alone multiplies it by {least.gain:.2g}.",
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
