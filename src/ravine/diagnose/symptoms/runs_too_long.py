"""This run runs too long: validation was at its best early, and most of the run has only made it worse."""

from __future__ import annotations

import math

from ravine.diagnose.curve import outline
from ravine.diagnose.known import ended, metric, val_rows
from ravine.diagnose.noise import surety
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import last, lowest, narrow
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_EPOCHS = 15
EARLY = 0.4  # of the run, by which the best stretch is over
BEYOND_NOISE = 4.0
LEAST_RISE = (
    0.25  # of the lowest validation loss, where there is no metric: what cannot be learned moves by as much as 0.18
)
LEAST_LOSS = 0.01  # of an accuracy


def runs_too_long(history: History) -> Finding | None:
    """A best stretch of validation in the first part of the run, and a worse end, however little.

    What it sees: the best stretch of the validation metric, or of the loss where there is no metric, against
        the end, in standard errors that count the size of the validation set.
    Why it matters: the steps after the best epoch were paid for, and the last weights are not the best.
    Not to be mistaken for: a run that is flat after converging; a loss that rises while the metric does not fall;
        grokking and double descent.
    What to do: early stopping, or as many epochs as the best one; keep the weights of that epoch.
    Source: Prechelt 1998, "Early stopping - but when?".
    """
    found = metric(history)
    judged = found.curve.thinned(60) if found is not None else outline(history, "val_loss")
    sign = found.sign if found is not None else 1.0
    if len(judged) < FEWEST_EPOCHS or judged.kind != "epoch" or not ended(history):
        return None
    best, end = lowest(judged, narrow(judged), sign), last(judged)
    worse = sign * (end.level.value - best.level.value)
    rows = val_rows(history)
    drawn = 0.0
    if rows and found is not None and found.is_accuracy:
        drawn = math.sqrt(max(0.5 * (1 - end.level.value), 0.0) / rows)
    elif rows:
        drawn = 0.3 * abs(end.level.value) / math.sqrt(rows)
    error = math.hypot((end.level - best.level).error, drawn)
    accurate = found is not None and found.is_accuracy
    least = LEAST_LOSS if accurate else LEAST_RISE * abs(best.level.value)
    if best.end > EARLY * len(judged) or worse <= max(least, BEYOND_NOISE * error):
        return None
    name = f"val_{found.name}" if found is not None else "val_loss"
    return Finding(
        symptom=RUNS_TOO_LONG.name,
        severity=RUNS_TOO_LONG.severity,
        evidence=(
            f"{name} was best, {best.level.value:.4g}, around step {best.last_step} and is {end.level.value:.4g} ± "
            f"{2 * error:.1g} after {judged.steps[-1]} steps: the other {1 - best.end / len(judged):.0%} of the run "
            "made it worse."
        ),
        advice=f"{RUNS_TOO_LONG.advice} About {best.last_step} steps are enough.",
        confidence=surety(worse / max(least, BEYOND_NOISE * error, 1e-300)),
        first_step=best.last_step,
        details={"best": best.level.value, "last": end.level.value, "error": error},
    )


RUNS_TOO_LONG = Symptom(
    name="runs-too-long",
    look=runs_too_long,
    needs=("val_loss",),
    measure="write the loss of a validation set after every epoch",
    causes=("overfits", "memorizes", "has-noisy-labels", "has-misaligned-labels", "diverges", "bounces", "stalls"),
    tier=Tier.CURVES,
    severity=Severity.NOTE,
    advice="Stop when validation has not bettered for a tenth of the run, and keep the weights of the best epoch.",
)
