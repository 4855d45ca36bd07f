"""This run turns NaN: from some step on its loss is no number any more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ravine.diagnose.exact import where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History, Series


def turns_nan(history: History) -> Finding | None:
    """The first row whose training loss is not finite.

    What it sees: NaN or an infinity in the training loss, at the finest rows there are, with the loss
        and the learning rate just before; where the program was watched, also the first tensor or operation
        that held it.
    Why it matters: nothing learned after it means anything; the weights themselves are NaN.
    Not to be mistaken for: a gap in a log (missing is not NaN); a validation loss of infinity alone.
    What to do: lower the learning rate; where the loss was already rising, by a factor of ten.
    Source: CS231n, "Babysitting the learning process"; Goodfellow et al. 2016, section 8.2.4.
    """
    for kind in ("step", "epoch"):
        series = history.series("train_loss", kind)
        place = next((place for place, value in enumerate(series.values) if not math.isfinite(value)), None)
        if place is not None:
            return _finding(history, series, place, kind)
    return None


def _finding(history: History, series: Series, place: int, kind: str) -> Finding:
    step, value = series.steps[place], series.values[place]
    before = f"the loss was {series.values[place - 1]:.4g} at step {series.steps[place - 1]}" if place else "at once"
    rates = [rate for at, rate in history.series("lr", kind) if at <= step]
    rate = f", at a learning rate of {rates[-1]:.3g}" if rates else ""
    began = next((_began(fact) for fact in history.facts("not-finite")), "")
    slower = f" Try a learning rate of {rates[-1] / 10:.1g}." if rates and rates[-1] > 0 else ""
    return Finding(
        symptom=TURNS_NAN.name,
        severity=TURNS_NAN.severity,
        evidence=f"The training loss is {value} by step {step} ({before}{rate}).{began}",
        advice=TURNS_NAN.advice + slower,
        first_step=step,
    )


def _began(fact: Mapping[str, Any]) -> str:
    """Where it was first, in a sentence."""
    if fact["where"] == "parameter":
        more = f"{fact['tensor']} and {fact['count'] - 1} more were" if fact["count"] > 1 else f"{fact['tensor']} was"
        return (
            f" The step before left it in the weights: {more} not finite{where(fact, 'when the loss was computed at')}."
        )
    layer = f" after {fact['layer']}" if fact.get("layer") else ""
    return f" It began at step {fact['step']} in {fact['operation']}{layer}{where(fact)}, from finite weights."


TURNS_NAN = Symptom(
    name="turns-nan",
    look=turns_nan,
    needs=("train_loss",),
    causes=(
        "has-nan-in-data", "overflows", "ascends", "accumulates-gradients", "explodes", "needs-clipping",
        "starts-too-large", "is-unscaled", "has-unscaled-targets", "sums-instead-of-means", "uses-wrong-loss",
        "diverges",
    ),
    tier=Tier.CURVES,
    severity=Severity.ERROR,
    advice="Lower the learning rate tenfold, or look for NaN and infinities in the inputs.",
)  # fmt: skip
