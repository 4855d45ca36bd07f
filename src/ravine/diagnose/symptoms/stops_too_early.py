"""This run stops too early: the loss is still on its way down when the run ends."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import ended, supervised
from ravine.diagnose.noise import Estimate, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import fifths, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 8
SHARE = 0.06  # of the whole fall, in the last fifth of the run: an exponential then has as much again before it
SHARE_UNKNOWN = 0.08  # where the schedule is not known
BEYOND_NOISE = 3.0


def stops_too_early(history: History) -> Finding | None:
    """Training and validation loss that both still fall, at a pace worth more steps.

    What it sees: the share of the whole fall that came in the last fifth of the run, with its interval, for both
        losses; the pace must not have picked up at the end, as it does when a schedule lets the loss down.
    Why it matters: the same run, longer, would be better; nothing else has to change.
    Not to be mistaken for: a schedule that has run its course; the slow tail of a power law; a training loss that
        falls while validation does not.
    What to do: resume for as many steps again, or plan a longer schedule.
    Source: Goodfellow et al. 2016, section 7.8; Prechelt 1998.
    """
    train, val = outline(history, "train_loss"), outline(history, "val_loss")
    known = rates(history)
    if len(train) < FEWEST_POINTS or not supervised(history) or not ended(history):
        return None
    if history.about.get("resumed") or (known is not None and known.falls_at_the_end):
        return None
    least = SHARE if known is not None else SHARE_UNKNOWN
    found = late_share(train)
    if found is None or found.value < least or found.z < BEYOND_NOISE or found.low() < 0.6 * least:
        return None
    validated = late_share(val) if len(val) >= FEWEST_POINTS else None
    if len(val) >= FEWEST_POINTS and (validated is None or validated.value < 0.6 * least or validated.z < 2):
        return None
    also = f" and {validated.value:.0%} of that of the validation loss" if validated is not None else ""
    return Finding(
        symptom=STOPS_TOO_EARLY.name,
        severity=STOPS_TOO_EARLY.severity,
        evidence=(
            f"{found.value:.0%} ± {2 * found.error:.0%} of the fall of the training loss{also} came in the last fifth "
            f"of the run, which ends at step {train.steps[-1]} with the rate as high as ever."
            if known is not None
            else f"{found.value:.0%} ± {2 * found.error:.0%} of the fall of the training loss{also} came in the last "
            f"fifth of the run, which ends at step {train.steps[-1]}."
        ),
        advice=STOPS_TOO_EARLY.advice,
        confidence=surety(found.value / least) * (1.0 if known is not None else 0.7),
        first_step=train.steps[-1],
        details={"share": found.value, "error": found.error},
    )


def late_share(found: Curve) -> Estimate | None:
    """The share of the whole fall in the last fifth; None where nothing fell, or faster at the end than before."""
    levels = fifths(found)
    whole = start(found) - levels[4].value
    final, before = levels[3] - levels[4], levels[2] - levels[3]
    if whole <= 0 or final.value > 1.25 * before.value + 2 * before.error:
        return None
    return Estimate(final.value / whole, final.error / whole)


STOPS_TOO_EARLY = Symptom(
    name="stops-too-early",
    look=stops_too_early,
    needs=("train_loss",),
    measure="write the training loss",
    causes=("crawls", "batch-too-large", "clips-too-tight", "decays-too-early"),
    tier=Tier.CURVES,
    severity=Severity.NOTE,
    advice="Train for as many steps again: ravine resume, or more epochs.",
)
