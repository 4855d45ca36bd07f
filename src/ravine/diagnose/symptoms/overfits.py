"""This run overfits: validation gets worse while training gets better."""

from __future__ import annotations

import math
import statistics

from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History, Series

FEWEST_EPOCHS = 8
BEYOND_NOISE = 6.0  # the rise, in standard errors of the validation loss between neighbouring epochs
LEAST_RISE = 0.15  # of the lowest validation loss: less is not worth a word
HIGHER_IS_BETTER = ("val_accuracy", "val_f1", "val_r2")


def overfits(history: History) -> Finding | None:
    """A validation loss that has left its minimum for good while the training loss went on falling.

    What it sees: the mean validation loss of the last fifth of the epochs against the lowest stretch
        of the same length, in units of the noise between neighbouring epochs; the training loss
        over the same span; and the validation metric, which must not have bettered.
    Why it matters: what is learned after the minimum is the training set, not the task.
    Not to be mistaken for: a validation loss that rises while validation accuracy still rises
        (the network grows surer, not worse: calibration drift); a noisy small validation set;
        double descent.
    What to do: more data or augmentation, stronger weight decay or dropout, a smaller network;
        early stopping already kept the weights of the minimum.
    Source: CS231n, "Babysitting the learning process"; Prechelt 1998.
    """
    train, validation = history.series("train_loss"), history.series("val_loss")
    if len(validation) < FEWEST_EPOCHS or len(train) != len(validation):
        return None
    if not all(map(math.isfinite, (*train.values, *validation.values))):
        return None
    width = max(2, len(validation) // 5)
    place, lowest = _lowest_stretch(validation, width)
    last = statistics.fmean(validation.values[-width:])
    differences = [b - a for a, b in zip(validation.values, validation.values[1:], strict=False)]
    noise = statistics.stdev(differences) / math.sqrt(2 * width)
    rise = last - lowest
    fell = statistics.fmean(train.values[-width:]) < statistics.fmean(train.values[place : place + width])
    if (
        rise <= max(BEYOND_NOISE * noise, LEAST_RISE * abs(lowest))
        or not fell
        or _metric_bettered(history, place, width)
    ):
        return None
    return Finding(
        symptom=OVERFITS.name,
        severity=OVERFITS.severity,
        evidence=(
            f"The validation loss rose from {lowest:.4g} around epoch {place + 1} to {last:.4g} at the end, "
            f"{rise / max(noise, 1e-12):.0f} times its noise, while the training loss went on falling to "
            f"{train.values[-1]:.4g}."
        ),
        advice=OVERFITS.advice,
        first_step=validation.steps[place],
        details={"lowest": lowest, "last": last, "noise": noise},
    )


def _lowest_stretch(series: Series, width: int) -> tuple[int, float]:
    means = [statistics.fmean(series.values[at : at + width]) for at in range(len(series) - width + 1)]
    place = min(range(len(means)), key=means.__getitem__)
    return place, means[place]


def _metric_bettered(history: History, place: int, width: int) -> bool:
    """Whether the validation metric still rose after the loss had its minimum."""
    for name in HIGHER_IS_BETTER:
        values = history.series(name).values
        if len(values) >= place + width:
            return statistics.fmean(values[-width:]) > statistics.fmean(values[place : place + width])
    return False


OVERFITS = Symptom(
    name="overfits",
    look=overfits,
    needs=("train_loss", "val_loss"),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Regularize more: augmentation, weight decay or dropout, in this order. Keep the weights of the best epoch.",
)
