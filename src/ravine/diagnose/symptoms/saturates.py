"""This run saturates: its bounded units sit where their activation is flat."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import depths, finding, kinds, weighted
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

HALF = 0.5
FEWEST = 4  # samples


def saturates(history: History) -> Finding | None:
    """A hidden layer in which half of the values of tanh or sigmoid lie within a hundredth of their bounds, for good.

    What it sees: that share at the last four samples, for each bounded activation that another layer follows.
    Why it matters: the gradient there is under a fiftieth of what it is in the middle: what lies before hardly learns.
    Not to be mistaken for: outputs that are sure of their answer; gates that have learned to be open or closed.
    What to do: smaller first weights, scaled inputs, a normalization before the activation, or a rectifier.
    Source: Glorot & Bengio 2010; LeCun et al. 1998, "Efficient backprop".
    """
    types, places = kinds(history), depths(history)
    last = max((places.get(name, 0.0) for name in weighted(history)), default=0.0)
    for layer, series in history.layers("saturated").items():
        hidden = " > " in layer or places.get(layer, last) < last
        values = series.values[-FEWEST:]
        if hidden and len(values) == FEWEST and statistics.median(values) >= HALF:
            share = statistics.median(values)
            step = next(step for step, value in series if value >= HALF)
            return finding(
                SATURATES,
                f"In layer {layer} ({types[layer].lower()}) {share:.0%} of the values lie where the activation is "
                "flat.",
                step=step,
                details={"layer": layer, "share": share},
                confidence=min(1.0, 0.6 + 0.4 * share),
            )
    return None


SATURATES = Symptom(
    name="saturates",
    look=saturates,
    needs=("weight_norm",),
    measure="run it as `ravine watch train.py`",
    causes=(
        "is-unscaled", "starts-too-large", "diverges", "ascends", "accumulates-gradients", "starts-symmetric",
    ),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Initialize with `nn.init.xavier_normal_`, or put `nn.LayerNorm` before the activation.",
)  # fmt: skip
