"""This run stops too early: the loss is still on its way down when the run ends."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import ended, supervised
from ravine.diagnose.noise import Estimate, level, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import fifths, pace, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 8
SHARE = 0.08  # of the whole fall, in the last fifth of the run: an exponential then has as much again before it
SHARE_VALIDATED = 0.06  # where the validation loss falls as well
OF_THE_LEVEL = 0.08  # of the loss itself, in a fifth of the run
UNKNOWN = 1.3  # times these where the schedule is not known
BEYOND_NOISE = 3.0
BEYOND_NOISE_TOO = 1.5


def stops_too_early(history: History) -> Finding | None:
    """Training and validation loss that both still fall, at a pace worth more steps.

    What it sees: the share of the whole fall that a fifth of the run brings at its end, with its interval, for both
        losses, and as a share of what is left; where the schedule is not known the pace must not have picked up
        at the end, as it does when a schedule lets the loss down.
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
    doubt = 1.0 if known is not None else UNKNOWN
    has_val = len(val) >= FEWEST_POINTS
    least = doubt * (SHARE_VALIDATED if has_val else SHARE)
    found = late_share(train, known is not None)
    validated = late_share(val, known is not None) if has_val else found
    # Two curves that agree need less of each: the noise of the training loss is that of its batches as well.
    if not _large(train, found, least, BEYOND_NOISE_TOO if has_val else BEYOND_NOISE):
        return None
    if has_val and not _large(val, validated, 0.75 * least, BEYOND_NOISE):
        return None
    assert found is not None
    also = f" and {validated.value:.0%} of that of the validation loss" if has_val and validated is not None else ""
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


def _large(of: Curve, share: Estimate | None, least: float, errors: float) -> bool:
    """Whether so much of the fall is beyond noise, and is also much of what is left."""
    if share is None or share.value < least or share.z < errors:
        return False
    end = level(of.values[-max(2, len(of) // 8) :]).value
    return share.value * (start(of) - end) > OF_THE_LEVEL * abs(end)


def late_share(found: Curve, schedule_known: bool) -> Estimate | None:
    """The share of the whole fall that a fifth of the run brings at the pace of its last two fifths.

    None where nothing fell, or where it fell faster at the end than before and a schedule may have been the reason.
    """
    count = len(found)
    late = found.between(found.steps[-max(5, round(0.4 * count)) if count >= 5 else 0], found.steps[-1])
    span = late.steps[-1] - late.steps[0]
    whole = start(found) - level(found.values[-max(2, count // 8) :]).value
    if whole <= 0 or span <= 0:
        return None
    change = pace(late)
    fifth = (found.steps[-1] - found.steps[0]) / 5 / span
    if not schedule_known:
        levels = fifths(found)
        if levels[3].value - levels[4].value > 1.25 * (levels[2].value - levels[3].value):
            return None
    return Estimate(-change.value * fifth / whole, change.error * fifth / whole)


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
