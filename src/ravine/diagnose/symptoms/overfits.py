"""This run overfits: it knows the training rows by heart, and validation is the worse for it."""

from __future__ import annotations

import math

from ravine.diagnose.curve import Curve, curve, outline
from ravine.diagnose.known import Metric, accuracy, classes, guess_loss, metric, number, val_rows
from ravine.diagnose.noise import Estimate, level, surety
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import last, lowest, narrow, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_EPOCHS = 8
BEYOND_NOISE = 5.0  # the rise in standard errors; the lowest of many stretches is lower than its mean, hence the margin
LEAST_RISE = 0.12  # of the lowest validation loss: less is not worth a word
LEAST_RISE_ALONE = 0.3  # where the metric has become no worse, or there is none
GAP = 0.06  # of a metric between training and validation, below which nothing is lost
PASSES = 20  # over the training rows: what is known after fewer is not known by heart
TIMES = 4.0  # the training loss
OF_A_GUESS = 0.27  # loss between training and validation, in that of a guess; of rows enough it is under 0.22
OF_A_GUESS_FEW = 0.08  # where there are few rows of each class
FEW_ROWS = 14  # of a class
MISTAKES = 0.15  # of the validation rows: with fewer it is sure of itself, and mostly right


def overfits(history: History) -> Finding | None:
    """A validation loss that has left its minimum for good, or stays far above a training loss known by heart.

    What it sees: the mean validation loss of the last fifth of the epochs against the lowest
        twelfth, in standard errors under correlated noise and the size of the validation set; the
        training loss over the same span; and the validation metric, which must not have bettered.
        Where it has not risen: after many passes over the rows, the gap between both losses as a share
        of the loss of a guess, with its interval, the mistakes that come with it, and how many rows there
        are of each class.
    Why it matters: what is learned after the minimum is the training set, not the task.
    Not to be mistaken for: a validation loss that rises while validation accuracy still rises
        (the network grows surer, not worse: calibration drift); a noisy small validation set;
        the gap that every training has in the end; double descent and grokking, which come down again.
    What to do: more data or augmentation, stronger weight decay or dropout, a smaller network;
        early stopping already kept the weights of the minimum.
    Source: CS231n, "Babysitting the learning process"; Prechelt 1998; Nakkiran et al. 2020.
    """
    train, val = outline(history, "train_loss"), outline(history, "val_loss")
    if len(val) < FEWEST_EPOCHS or len(train) < FEWEST_EPOCHS or train.broke_at or val.broke_at:
        return None
    return _left_its_minimum(history, train, val) or _knows_by_heart(history, train, val)


def _left_its_minimum(history: History, train: Curve, val: Curve) -> Finding | None:
    """Validation gets worse while training gets better."""
    low, end = lowest(val, narrow(val)), last(val)
    rows = val_rows(history)
    drawn = 0.3 * abs(end.level.value) / math.sqrt(rows) if rows else 0.0
    rise = Estimate((end.level - low.level).value, math.hypot((end.level - low.level).error, drawn))
    scale = max(abs(low.level.value), 0.02 * (start(val) - low.level.value), 1e-300)
    if low.end > end.begin or rise.z < BEYOND_NOISE or rise.value < LEAST_RISE * scale:
        return None
    if not _still_learned(train, low.first_step, low.last_step, end.first_step):
        return None
    lost = _metric_lost(metric(history, "val"), low.first_step, low.last_step, rows)
    if lost is not None and lost.z < -2:
        return None
    if (lost is None or lost.z < 2) and (rise.value < LEAST_RISE_ALONE * scale or _gap(history) < GAP):
        return None
    beyond = min(rise.z / BEYOND_NOISE, rise.value / (LEAST_RISE * scale))
    return Finding(
        symptom=OVERFITS.name,
        severity=OVERFITS.severity,
        evidence=(
            f"The validation loss rose from {low.level.value:.4g} around epoch {low.begin + 1} to "
            f"{end.level.value:.4g} ± {2 * rise.error:.1g} at the end, {min(rise.z, 999):.0f} times its noise, "
            f"while the training loss went on falling to {train.values[-1]:.4g}."
        ),
        advice=OVERFITS.advice,
        confidence=surety(beyond) * (1.0 if lost is None or lost.z > 2 else 0.8),
        first_step=low.first_step,
        details={"lowest": low.level.value, "last": end.level.value, "noise": rise.error},
    )


def _knows_by_heart(history: History, train: Curve, val: Curve) -> Finding | None:
    """A training loss next to nothing after many passes, and a validation loss that stays far above it."""
    passes, guess = len(curve(history, "val_loss", "epoch")), guess_loss(history)
    if passes < PASSES or val.kind != "epoch" or (guess is not None and classes(history) is None):
        return None
    known, asked = last(train).level, last(val).level
    scale = guess or start(train)
    gap = asked - known
    rows, count = number(history, "train_rows"), classes(history)
    few = rows is not None and count is not None and rows <= FEW_ROWS * count
    right = accuracy(history)
    if not few and (right is None or last(right).level.value > 1 - MISTAKES):
        return None
    least = (OF_A_GUESS_FEW if few else OF_A_GUESS) * scale
    if asked.value < TIMES * known.value or known.value < 0 or gap.low() < least:
        return None
    of_rows = f" of {rows:.0f} rows" if rows is not None else ""
    return Finding(
        symptom=OVERFITS.name,
        severity=OVERFITS.severity,
        evidence=(
            f"After {passes} passes the training loss{of_rows} is {known.value:.2g} and the validation loss "
            f"{asked.value:.4g}: the {gap.value:.4g} ± {2 * gap.error:.1g} between them are {gap.value / scale:.0%} of "
            f"{'the loss of a guess' if guess else 'the first loss'}."
        ),
        advice=OVERFITS.advice,
        confidence=surety(gap.low() / least) * (1.0 if guess else 0.8),
        first_step=train.steps[0],
        details={"gap": gap.value, "noise": gap.error, "passes": float(passes)},
    )


def _still_learned(train: Curve, first: int, low: int, end: int) -> bool:
    """Whether the training loss fell on after the minimum of validation, or had already come all the way down."""
    then, now = train.between(first, low), train.between(end, train.steps[-1])
    if len(then) == 0 or len(now) == 0:
        return False
    change = level(now.values) - level(then.values)
    return change.value < 0 or (change.z < 2 and now.values[-1] < 0.1 * start(train))


def _metric_lost(found: Metric | None, first: int, low: int, rows: int | None) -> Estimate | None:
    """How much worse the metric is at the end than where the loss was lowest; None where there is none."""
    if found is None or len(found.curve) < FEWEST_EPOCHS:
        return None
    then, now = found.curve.between(first, low), last(found.curve)
    if len(then) == 0:
        return None
    change = now.level - level(then.values)
    drawn = 0.0
    if found.is_accuracy and rows:
        # The same rows are judged twice, so that only those count whose answer changed: at most half of the wrong.
        drawn = math.sqrt(max(0.5 * (1 - now.level.value), 0) / rows)
    return Estimate(found.sign * change.value, math.hypot(change.error, drawn))


def _gap(history: History) -> float:
    """By how much the metric of training is better than that of validation at the end; infinite where not known."""
    ours, theirs = metric(history, "train"), metric(history, "val")
    if ours is None or theirs is None or ours.name != theirs.name:
        return math.inf
    return ours.sign * (last(theirs.curve).level.value - last(ours.curve).level.value)


OVERFITS = Symptom(
    name="overfits",
    look=overfits,
    needs=("train_loss", "val_loss"),
    measure="write the loss of a validation set after every epoch",
    causes=("has-misaligned-labels", "memorizes", "has-noisy-labels", "differs-in-preprocessing", "diverges"),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Regularize more: augmentation, weight decay or dropout, in this order. Keep the weights of the best epoch.",
)
