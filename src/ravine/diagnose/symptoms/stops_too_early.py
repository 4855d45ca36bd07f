"""This run stops too early: the loss is still on its way down when the run ends."""

from __future__ import annotations

import math

from ravine.diagnose.curve import Curve, curve, outline
from ravine.diagnose.known import accuracy, ended, guess_accuracy, supervised, val_rows
from ravine.diagnose.noise import Estimate, level, surety
from ravine.diagnose.rates import Rates, rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import fifths, pace, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 8
SHARE = 0.08  # of the whole fall, in the last fifth of the run: an exponential then has as much again before it
SHARE_VALIDATED = 0.06  # where the validation loss falls as well
SHARE_RIGHT = 0.05  # where the validation accuracy rises as well
SHARE_ALONE = 0.15  # where it does not: an accuracy rests before the loss does
OF_THE_LEVEL = 0.08  # of the loss itself, in a fifth of the run
OF_THE_LEVEL_RIGHT = 0.04  # where the validation accuracy rises as well
UNKNOWN = 1.3  # times these where the schedule is not known
BEYOND_NOISE = 3.0
BEYOND_NOISE_TOO = 1.5
OF_THE_SKILL = 0.175  # of what validation accuracy is above a guess, gained in the second half of the run
OF_THE_HALF = 0.1  # of the validation loss, gained in the second half: where there are few readings of it
FEW_PASSES = 3  # over the training rows
IN_A_PASS = 0.06  # of the validation loss, gained in the last of few passes
FIRST_DESCENT = 0.5  # of the whole fall, before the last two fifths: with less it is the first way down
HAS_LEARNED = 1 / 6  # of the first training loss gone: less is a run that was taken up again, or one that crawls


def stops_too_early(history: History) -> Finding | None:
    """Training and validation that both still get better when the run ends, at a pace worth more steps.

    What it sees: the share of the whole fall that a fifth of the run brings at its end, with its interval, for both
        losses, and as a share of what is left; what the second half of the run brought of validation accuracy; after
        two or three passes over the rows, by how much the last one has lowered the validation loss. Where the
        schedule is not known the pace must not have picked up at the end, as it does when a schedule lets the loss
        down.
    Why it matters: the same run, longer, would be better; nothing else has to change.
    Not to be mistaken for: a schedule that has run its course; the slow tail of a power law; a training loss that
        falls while validation does not; a loss that falls while accuracy has come to rest.
    What to do: resume for as many steps again, or plan a longer schedule.
    Source: Goodfellow et al. 2016, section 7.8; Prechelt 1998.
    """
    known = rates(history)
    if not supervised(history) or not ended(history) or history.about.get("resumed"):
        return None
    if known is not None and known.falls_at_the_end:
        return None
    return _after_few_passes(history, known) or _still_falls(history, known)


def _after_few_passes(history: History, known: Rates | None) -> Finding | None:
    """Two or three passes over the rows, of which the last one still lowered the validation loss by much."""
    train, val = outline(history, "train_loss"), curve(history, "val_loss", "epoch")
    if len(train) < FEWEST_POINTS or not 2 <= len(val) <= FEW_PASSES or val.broke_at or train.broke_at:
        return None
    before, now = val.values[-2:]
    rows = val_rows(history)
    # Half a standard deviation of a share of rows, and the same rows are judged twice.
    drawn = 0.3 * abs(now) / math.sqrt(rows) if rows else 0.0
    gained = Estimate((before - now) / abs(now) if now else 0.0, drawn / abs(now) if now else 0.0)
    end = level(train.values[-max(2, len(train) // 8) :])
    if gained.value < IN_A_PASS or gained.z < BEYOND_NOISE_TOO or end.value > (1 - HAS_LEARNED) * start(train):
        return None
    return _finding(
        f"The rows were passed over {len(val)} times only, and the last pass brought the validation loss from "
        f"{before:.4g} to {now:.4g}, by {gained.value:.0%} of what it is now",
        train,
        known,
        surety(gained.value / IN_A_PASS),
        {"passes": float(len(val)), "gained": gained.value},
        Severity.WARNING if gained.value > 2 * IN_A_PASS else STOPS_TOO_EARLY.severity,
    )


def _still_falls(history: History, known: Rates | None) -> Finding | None:
    """A training loss that falls to the end, and a validation that agrees."""
    train = outline(history, "train_loss")
    if len(train) < FEWEST_POINTS:  # few epochs, but maybe many steps
        train = curve(history, "train_loss", "step").thinned(60)
    if len(train) < FEWEST_POINTS:
        return None
    if _has_no_floor(train):
        return None
    doubt = 1.0 if known is not None else UNKNOWN
    val, right = outline(history, "val_loss"), _gained_skill(history)
    has_val = len(val) >= FEWEST_POINTS
    least, part = SHARE_VALIDATED if has_val else SHARE, OF_THE_LEVEL
    if right is not None and right > OF_THE_SKILL:
        least, part = SHARE_RIGHT, OF_THE_LEVEL_RIGHT
    elif right is not None:
        least = SHARE_ALONE
    least *= doubt
    found = late_share(train, known is not None)
    validated = late_share(val, known is not None) if has_val else found
    # Two curves that agree need less of each: the noise of the training loss is that of its batches as well.
    if not _large(train, found, least, part, BEYOND_NOISE_TOO if has_val else BEYOND_NOISE):
        return None
    if has_val and not _large(val, validated, 0.75 * least, part, BEYOND_NOISE):
        return None
    if (
        not has_val
        and len(val) > 2
        and val.values[len(val) // 2 - 1] - val.values[-1] < OF_THE_HALF * abs(val.values[-1])
    ):
        return None
    assert found is not None
    also = f" and {validated.value:.0%} of that of the validation loss" if has_val and validated is not None else ""
    return _finding(
        f"{found.value:.0%} ± {2 * found.error:.0%} of the fall of the training loss{also} came in the last fifth of "
        "the run",
        train,
        known,
        surety(found.value / least),
        {"share": found.value, "error": found.error},
    )


def _has_no_floor(train: Curve) -> bool:
    """Whether a loss goes on below zero hardly slower than it began: it may do so for ever."""
    levels = fifths(train)
    return levels[4].value < 0 and levels[3].value - levels[4].value > 0.8 * (levels[0].value - levels[1].value)


def _finding(
    evidence: str,
    train: Curve,
    known: Rates | None,
    confidence: float,
    details: dict[str, float],
    severity: Severity = Severity.NOTE,
) -> Finding:
    how = f", which ends at step {train.steps[-1]}" + (" with the rate as high as ever." if known is not None else ".")
    return Finding(
        symptom=STOPS_TOO_EARLY.name,
        severity=severity,
        evidence=evidence + how,
        advice=STOPS_TOO_EARLY.advice,
        confidence=confidence * (1.0 if known is not None else 0.7),
        first_step=train.steps[-1],
        details=details,
    )


def _gained_skill(history: History) -> float | None:
    """What the second half of the run brought of validation accuracy, as a share of all that it is above a guess.

    None where there is no accuracy, or too few readings of it.
    """
    right = accuracy(history)
    if right is None or len(right) < 4:
        return None
    some, half = max(1, len(right) // 6), len(right) // 2
    end = sum(right.values[-some:]) / some
    skill = end - (guess_accuracy(history) or 0.0)
    return (end - sum(right.values[half - some : half]) / some) / skill if skill > 0 else 0.0


def _large(of: Curve, share: Estimate | None, least: float, part: float, errors: float) -> bool:
    """Whether so much of the fall is beyond noise, and is also this part of what is left."""
    if share is None or share.value < least or share.z < errors:
        return False
    end = level(of.values[-max(2, len(of) // 8) :]).value
    return share.value * (start(of) - end) > part * abs(end)


def late_share(found: Curve, schedule_known: bool) -> Estimate | None:
    """The share of the whole fall that a fifth of the run brings at the pace of its last two fifths.

    None where nothing fell, or where it fell faster at the end than before and a schedule may have been the reason:
    not where most of the fall was still to come, since what a schedule lets down has come down before.
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
        faster = levels[3].value - levels[4].value > 1.25 * (levels[2].value - levels[3].value)
        if faster and start(found) - levels[2].value > FIRST_DESCENT * whole:
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
