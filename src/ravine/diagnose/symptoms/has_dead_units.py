"""This run has dead units: they are zero whatever the input."""

from __future__ import annotations

from ravine.diagnose.exact import finding
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

MOST = 0.75  # of a layer's units
DIED = 0.3  # of a layer's units since the first look
TIMES = 2  # windows of several batches each, one after the other


def has_dead_units(history: History) -> Finding | None:
    """Three quarters of a layer's rectified units, or more, at zero for every row of several batches, twice.

    What it sees: the share of units that were zero on all of the last four sampled batches (at least 128 rows),
        twice in a row, for each rectified layer.
    Why it matters: a unit that is never above zero has no gradient and does not come back; the layer is as narrow as
        the units that are left.
    Not to be mistaken for: sparsity. Most units are at zero for most rows, 70 to 90 percent of them, and it is meant
        so:
        only units at zero on all rows are counted, and a few of those harm nobody.
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
        return None
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


HAS_DEAD_UNITS = Symptom(
    name="has-dead-units",
    look=has_dead_units,
    needs=("weight_norm",),
    measure="run it as `ravine watch train.py`",
    causes=(
        "diverges", "ascends", "accumulates-gradients", "is-unscaled", "starts-too-large", "starts-too-small",
        "starts-symmetric", "over-regularizes", "steps-before-backward", "uses-wrong-loss",
    ),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Start biases at 0, or use `nn.LeakyReLU(0.01)`; if units died on the way, a third of the learning rate.",
)  # fmt: skip
