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
FIRST = 20  # step: before, running statistics are on their way with any momentum
LEFT = 0.3  # share of what the running statistics began with that is in them at the end
APART = 0.3  # either drift, where so much is left
FEWEST_VALUES = 16  # of a channel: fewer have noise of this size


def has_stale_batch_norm(history: History) -> Finding | None:
    """Running statistics that stand still, or stay far from those of the batches.

    What it sees: a momentum of 0; or one so small for so many steps that a third of what they began with is in the
        running statistics at the end, where they differ from the batch's; or, from step 100 on, running means a
        deviation away from the batch's, or running deviations off by a factor of two, sample after sample.
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
    return _on_their_way(history) or _apart(history)


def _on_their_way(history: History) -> Finding | None:
    """Running statistics in which much of their beginning is left when the run ends."""
    end = max((int(row["step"]) for row in history.rows if isinstance(row.get("step"), int)), default=0)
    if history.about.get("resumed"):
        return None
    ratios = history.layers("std_drift")
    for layer, momenta in history.layers("momentum").items():
        momentum = momenta.values[-1]
        left = (1 - momentum) ** end if 0 < momentum < 1 else 0.0
        drifts = [history.layers("mean_drift").get(layer), ratios.get(layer)]
        late = [[value for step, value in drift if step >= FIRST] for drift in drifts if drift is not None]
        if left < LEFT or not late or len(late[0]) < FEWEST:
            continue
        apart = max(statistics.median(values) for values in late if values)
        if apart > APART:
            return finding(
                HAS_STALE_BATCH_NORM,
                f"Batch norm {layer} has a momentum of {momentum:g}: after {end} steps {left:.0%} of what its running "
                f"statistics began with is in them still, and they are {apart:.2g} off those of the batches.",
                step=FIRST,
                details={"layer": layer, "momentum": momentum, "left": left, "apart": apart},
                confidence=0.95,
            )
    return None


def _apart(history: History) -> Finding | None:
    """Running statistics far from those of the batches, sample after sample."""
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
