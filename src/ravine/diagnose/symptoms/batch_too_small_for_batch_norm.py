"""This run's batch is too small for batch norm: its statistics come from a handful of values."""

from __future__ import annotations

from ravine.diagnose.exact import finding
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEW_VALUES = 8  # of a channel
FEW_ROWS = 2  # each picture gives many values, but they resemble each other
FEWEST = 3  # samples


def batch_too_small_for_batch_norm(history: History) -> Finding | None:
    """Batch norms in training mode on fewer than eight values a channel, or on one or two rows.

    What it sees: how many values and rows the statistics of each batch norm come from, at most, over all samples.
    Why it matters: each row's output depends on the few beside it, with noise as large as the signal; evaluation, with
        running statistics, sees another network.
    Not to be mistaken for: one short batch at the end of an epoch; batch norm that is frozen.
    What to do: larger batches, or a normalization of each row by itself.
    Source: Wu & He 2018, "Group normalization", figure 1; Ioffe 2017.
    """
    rows = history.layers("rows")
    for layer, values in history.layers("values").items():
        if len(values) < FEWEST or layer not in rows:
            continue
        many, of = max(values.values), max(rows[layer].values)  # samples may fall on short last batches, one and all
        if many < FEW_VALUES or of <= FEW_ROWS:
            return finding(
                BATCH_TOO_SMALL_FOR_BATCH_NORM,
                f"Batch norm {layer} takes its statistics from {many:.0f} values of {of:.0f} rows.",
                step=values.steps[0],
                details={"layer": layer, "values": many, "rows": of},
                confidence=0.95,
            )
    return None


BATCH_TOO_SMALL_FOR_BATCH_NORM = Symptom(
    name="batch-too-small-for-batch-norm",
    look=batch_too_small_for_batch_norm,
    needs=("fact",),
    measure="run it as `ravine watch train.py`",
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice='Use batches of 16 rows or more, or group norm: `ravine.regularize.swap_norm(model, "group")`.',
)
