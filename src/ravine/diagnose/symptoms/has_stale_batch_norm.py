"""This run has a stale batch norm: its running statistics are not those of the data."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding, first_fact, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

SETTLED = 100  # steps, ten times the memory of the usual momentum
DRIFT = 1.0  # means, in deviations of the batch
RATIO = 0.7  # deviations, as the logarithm of their ratio: a factor of two
FEWEST = 4  # samples
FEWEST_VALUES = 16  # of a channel: fewer have noise of this size


def has_stale_batch_norm(history: History) -> Finding | None:
    """Running statistics that stand still, or stay far from those of the batches.

    What it sees: a momentum of 0; or, from step 100 on, running means a deviation away from the batch's, or running
        deviations off by a factor of two, sample after sample.
    Why it matters: training uses the batch's statistics, evaluation the running ones: the network that is evaluated is
        another than the one that was trained.
    Not to be mistaken for: the first steps, in which they are still on their way; batches of a few rows, whose own
        statistics are noise.
    What to do: a momentum of 0.1; or compute them anew over the training rows before evaluation.
    Source: Ioffe & Szegedy 2015; Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm".
    """
    fact = first_fact(history, "statistics-stand-still")
    if fact is not None:
        return told(
            HAS_STALE_BATCH_NORM,
            fact,
            f"Batch norm {fact['layer']} has a momentum of 0: its running statistics stay what they were, and "
            "evaluation "
            "uses them.",
        )
    values = history.layers("values")
    ratios = history.layers("std_drift")
    for layer, drift in history.layers("mean_drift").items():
        late = [value for step, value in drift if step >= SETTLED]
        off = [value for step, value in ratios[layer] if step >= SETTLED] if layer in ratios else []
        if len(late) < FEWEST or min(values[layer].values) < FEWEST_VALUES:
            continue
        apart, ratio = statistics.median(late), statistics.median(off) if off else 0.0
        if apart > DRIFT or ratio > RATIO:
            return finding(
                HAS_STALE_BATCH_NORM,
                f"From step {SETTLED} on the running means of batch norm {layer} are {apart:.2g} deviations away "
                "from those "
                f"of the batches, and its deviations off by a factor of {2.718281828**ratio:.2g}.",
                step=SETTLED,
                details={"layer": layer, "mean_drift": apart, "std_drift": ratio},
                confidence=0.9,
            )
    return None


HAS_STALE_BATCH_NORM = Symptom(
    name="has-stale-batch-norm",
    look=has_stale_batch_norm,
    needs=("fact",),
    measure="run it as `ravine watch train.py`",
    causes=("is-unshuffled", "trains-in-eval-mode", "diverges", "ascends", "accumulates-gradients"),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Set `momentum=0.1`, or call `ravine.regularize.recompute_batch_norm(model, batches)` before evaluation.",
)
