"""This run has dead units: they are zero whatever the input."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

MOST = 0.75  # of a layer's units
DIED = 0.3  # of a layer's units since the first look
TIMES = 2  # windows of several batches each, one after the other
ZEROS = 0.97  # of a layer's activations, from the first look on; nine of ten are sparsity
LOOKS = 4


def has_dead_units(history: History) -> Finding | None:
    """Three quarters of a layer's rectified units, or more, at zero for every row of several batches, twice.

    What it sees: the share of units that were zero on all of the last four sampled batches (at least 128 rows),
        twice in a row, for each rectified layer. Or 97 of 100 activations of a layer at zero at the first look and
        ever after: its units began all but dead.
    Why it matters: a unit that is never above zero has no gradient and does not come back; the layer is as narrow as
        the units that are left.
    Not to be mistaken for: sparsity. Most units are at zero for most rows, 70 to 90 percent of them, and it is meant
        so:
        only units at zero on all rows are counted, and a few of those harm nobody. Nor for a sparsity that was learned.
    What to do: biases that start at zero, a learning rate three times lower, or a leaky rectifier.
    Source: CS231n, "Commonly used activation functions" (the dying ReLU); Lu et al. 2020.
    """
    worst: tuple[float, str, int, float] | None = None
    for layer, series in history.layers("dead").items():
        shares = series.values[-TIMES:]
        if len(shares) == TIMES and min(shares) >= MOST and (worst is None or shares[-1] > worst[0]):
            first = next(step for step, share in series if share >= MOST)
            worst = (shares[-1], layer, first, series.values[0])
    if worst is None:
        return _all_but_dead(history)
    share, layer, step, began = worst
    died = began < share - DIED
    on_the_way = (
        f"; at the first look it was {began:.0%}: they died on the way, of steps that were too long" if died else ""
    )
    return finding(
        HAS_DEAD_UNITS,
        f"In layer {layer} {share:.0%} of the units are zero for every row of all batches looked at{on_the_way}.",
        step=step,
        advice="Take a third of the learning rate, or let it warm up." if died else "",
        details={"layer": layer, "share": share},
        confidence=min(1.0, 0.7 + 0.3 * share),
        severity=Severity.ERROR if share > 0.9 else Severity.WARNING,
    )


def _all_but_dead(history: History) -> Finding | None:
    """A layer that gives next to nothing from the beginning."""
    worst: tuple[float, str, int] | None = None
    for layer, series in history.layers("zeros").items():
        if len(series) < LOOKS or series.steps[0] > LOOKS or min(series.values[:LOOKS]) < ZEROS:
            continue
        middle = statistics.median(series.values)
        if middle >= ZEROS and (worst is None or middle > worst[0]):
            worst = (middle, layer, series.steps[0])
    if worst is None:
        return None
    share, layer, step = worst
    return finding(
        HAS_DEAD_UNITS,
        f"In layer {layer} {share:.1%} of the activations are zero from the first step on: its units are all but dead.",
        step=step,
        details={"layer": layer, "zeros": share},
        confidence=0.8,
        severity=Severity.WARNING,
    )


HAS_DEAD_UNITS = Symptom(
    name="has-dead-units",
    look=has_dead_units,
    needs=("weight_norm",),
    measure="run it as `ravine watch train.py`",
    causes=(
        "diverges", "ascends", "accumulates-gradients", "is-unscaled", "starts-too-large", "starts-too-small",
        "starts-off", "starts-symmetric", "over-regularizes", "steps-before-backward", "uses-wrong-loss",
    ),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Start biases at 0, or use `nn.LeakyReLU(0.01)`; if units died on the way, a third of the learning rate.",
)  # fmt: skip
