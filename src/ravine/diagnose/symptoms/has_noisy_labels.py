"""This run has noisy labels: training is worse than validation first, and validation gets worse as it is overtaken."""

from __future__ import annotations

import math

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import accuracy, classes, ended
from ravine.diagnose.noise import level, surety
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import fifths, last, lowest
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_EPOCHS = 12
FEWEST_POINTS = 8
FLAT = 0.1  # change over the last two fifths, as a share of the level
BEHIND = 0.04  # accuracy of training under that of validation, at the best epoch
LOST = 0.02  # accuracy of validation, from its best epoch to the end
BEYOND_NOISE = 4.0
EARLY = 0.5  # of the run, at the latest
AS_IF_DRAWN = (0.88, 1.15)  # times the loss of labels that are wrong at random, with so many of them wrong
TOGETHER = 0.08  # between the accuracies of training and validation
WRONG = (0.07, 0.6)  # of the labels
FEWEST_CLASSES = 4  # with fewer, mistakes have no room to be at random


def has_noisy_labels(history: History) -> Finding | Abstained | None:
    """Training accuracy under validation accuracy at the best epoch, then above it, while validation falls.

    What it sees: first, a loss that has settled, of training and validation alike, where labels wrong at random would
        hold it: as many mistakes, and the entropy of mistakes that fall on all classes alike, which those of a
        network that confuses what is similar have not. Else the best stretch of the validation accuracy early in the
        run; that of training over the
        same epochs, which must be lower beyond noise; and that at the end validation has lost and training has
        overtaken. With losses alone the same picture is named only as open.
    Why it matters: a network learns what rows share before it learns rows by heart; wrong labels are what is left
        to be learned by heart, and they cost what was learned.
    Not to be mistaken for: dropout and augmentation, which keep training below validation to the end; overfitting of
        clean labels, whose training is never worse.
    What to do: look at the fifty training rows with the highest loss at the best epoch; stop there, or smooth labels.
    Source: Arpit et al. 2017; Liu et al. 2020, "Early-learning regularization prevents memorization of noisy labels".
    """
    ours, theirs = accuracy(history, "train"), accuracy(history, "val")
    held = _held_up(history, ours, theirs)
    if held is not None:
        return held
    if ours is None or theirs is None or min(len(ours), len(theirs)) < FEWEST_EPOCHS:
        return _by_losses(history)
    best = lowest(theirs, sign=-1, width=max(2, len(theirs) // 10))
    then = ours.between(best.first_step, best.last_step)
    if len(then) == 0 or best.end > EARLY * len(theirs):
        return None
    behind = best.level - level(then.values)
    lost, overtook = best.level - last(theirs).level, last(ours).level - last(theirs).level
    if behind.value < BEHIND or behind.z < BEYOND_NOISE or lost.value < LOST or lost.z < BEYOND_NOISE:
        return None
    if overtook.value < BEHIND or last(ours).level.value < level(then.values).value + BEHIND:
        return None
    return Finding(
        symptom=HAS_NOISY_LABELS.name,
        severity=HAS_NOISY_LABELS.severity,
        evidence=(
            f"Around step {best.first_step} validation had {best.level.value:.1%} right and training only "
            f"{level(then.values).value:.1%}; at the end training has {last(ours).level.value:.1%} and validation "
            f"{last(theirs).level.value:.1%} ± {2 * lost.error:.1%}: the wrong labels were learned by heart."
        ),
        advice=HAS_NOISY_LABELS.advice,
        confidence=0.9 * surety(min(behind.value / BEHIND, lost.value / LOST)),
        first_step=best.last_step,
        details={"behind": behind.value, "lost": lost.value, "error": lost.error},
    )


def _held_up(history: History, ours: Curve | None, theirs: Curve | None) -> Finding | None:
    """A loss that has settled where labels wrong at random hold it, in training and validation."""
    count, train, val = classes(history), outline(history, "train_loss"), outline(history, "val_loss")
    if count is None or count < FEWEST_CLASSES or ours is None or theirs is None or not ended(history):
        return None
    if min(len(one) for one in (train, val, ours, theirs)) < FEWEST_POINTS or not (_settled(train) and _settled(val)):
        return None
    right = {"training": last(ours).level.value, "validation": last(theirs).level.value}
    if abs(right["training"] - right["validation"]) > TOGETHER:
        return None
    losses = {"training": last(train).level.value, "validation": last(val).level.value}
    held = {part: at_random(1 - share, count) for part, share in right.items()}
    wrong = 1 - right["validation"]
    if not WRONG[0] < wrong < WRONG[1] or not all(
        AS_IF_DRAWN[0] * held[part] < loss < AS_IF_DRAWN[1] * held[part] for part, loss in losses.items()
    ):
        return None
    return Finding(
        symptom=HAS_NOISY_LABELS.name,
        severity=HAS_NOISY_LABELS.severity,
        evidence=(
            f"The loss has settled at {losses['training']:.4g} in training and {losses['validation']:.4g} in "
            f"validation, with {wrong:.0%} wrong in both: labels of which so many are drawn at random would hold it at "
            f"{held['validation']:.4g}."
        ),
        advice=HAS_NOISY_LABELS.advice,
        confidence=0.6,
        first_step=train.steps[-1],
        details={"wrong": wrong, **losses, "drawn": held["validation"]},
    )


def _settled(found: Curve) -> bool:
    levels = fifths(found)
    change = levels[4] - levels[3]
    return abs(change.value) < FLAT * abs(levels[4].value) + 2 * change.error


def at_random(wrong: float, count: int) -> float:
    """The least loss on labels of which a share is wrong, and falls on the other classes alike.

    >>> round(at_random(0.25, 10), 3)
    1.112
    """
    if not 0 < wrong < 1:
        return 0.0
    return -(1 - wrong) * math.log(1 - wrong) - wrong * math.log(wrong / (count - 1))


def _by_losses(history: History) -> Abstained | None:
    """The same picture in losses, which dropout draws too."""
    train, val = outline(history, "train_loss"), outline(history, "val_loss")
    if min(len(train), len(val)) < FEWEST_EPOCHS:
        return None
    low = lowest(val, width=max(2, len(val) // 10))
    then = train.between(low.first_step, low.last_step)
    if len(then) == 0 or low.end > EARLY * len(val) or not _overtakes(then, train, low.level.value):
        return None
    if last(val).level.value < 1.1 * low.level.value:
        return None
    return Abstained(
        symptom=HAS_NOISY_LABELS.name,
        why="the training loss was above that of validation at the best epoch and went far below it afterwards",
        measure="look at the labels of the fifty training rows with the highest loss at the best epoch",
    )


def _overtakes(then: Curve, train: Curve, low: float) -> bool:
    return level(then.values).value > 1.2 * low > 0 and last(train).level.value < 0.7 * low


HAS_NOISY_LABELS = Symptom(
    name="has-noisy-labels",
    look=has_noisy_labels,
    needs=("train_loss", "val_loss"),
    measure="write the accuracy of training and validation after every epoch",
    causes=("has-misaligned-labels",),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Look at the labels of the fifty training rows with the highest loss at the best epoch.",
)
