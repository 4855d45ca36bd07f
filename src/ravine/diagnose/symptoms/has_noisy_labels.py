"""This run has noisy labels: the network ranks those it gets wrong as far down as labels drawn at random."""

from __future__ import annotations

import math
from typing import Literal

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.exact import WATCH
from ravine.diagnose.examples import Seen, best_evaluations, recalls, seen, unwatched
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
FEWEST_ROWS = 50
LEARNED = 0.15  # skill, 0 for a guess and 1 for no mistake: before that, no mistake is near
FAR = 0.3  # of the mistakes; healthy ones have 0.1 where 60% are right, at times 0.28; labels drawn at random 0.55
FAR_AT_FIRST = 0.6  # times the share that is wrong: what has not learned much ranks no label well
FAR_BEYOND = 0.12  # the lower end of their interval
FAR_COUNT = 6  # examples
BY_TRAINING_TOO = (0.5, 1.2)  # times the loss of validation, the loss of training at the same time


def has_noisy_labels(history: History) -> Finding | Abstained | None:
    """Mistakes whose labels the network ranks as far down as labels drawn at random, or the curves that such make.

    What it sees: where single examples were watched, those of the validation around its best loss that are wrong, or
        of the training where it is behind validation: of how many the label is in the less probable half of the
        classes. What is confused is ranked near the top; of labels at random half is far down. In curves, a loss that
        has settled, of training and validation alike, where labels wrong at random would hold it: as many mistakes,
        and the entropy of mistakes that fall on all classes alike, which those of a network that confuses what is
        similar have not. Else the best stretch of the validation accuracy early in the run; that of training over the
        same epochs, which must be lower beyond noise; and that at the end validation has lost and training has
        overtaken. With losses alone the same picture is named only as open.
    Why it matters: a network learns what rows share before it learns rows by heart; wrong labels are what is left
        to be learned by heart, and they cost what was learned.
    Not to be mistaken for: dropout and augmentation, which keep training below validation to the end; overfitting of
        clean labels, whose training is never worse; a network that has not learned much, which ranks nothing well.
    What to do: look at the fifty training rows with the highest loss at the best epoch; stop there, or smooth labels.
    Source: Arpit et al. 2017; Liu et al. 2020, "Early-learning regularization prevents memorization of noisy labels".
    """
    far = _far_off(history)
    if far:
        return far
    ours, theirs = accuracy(history, "train"), accuracy(history, "val")
    held = _held_up(history, ours, theirs) if far is None else None
    if held is not None:
        return held
    if ours is None or theirs is None or min(len(ours), len(theirs)) < FEWEST_EPOCHS:
        return _by_losses(history)
    best = lowest(theirs, sign=-1, width=max(2, len(theirs) // 10))
    then = ours.between(best.first_step, best.last_step)
    if len(then) == 0 or best.end > EARLY * len(theirs):
        return _unseen(history)
    behind = best.level - level(then.values)
    lost, overtook = best.level - last(theirs).level, last(ours).level - last(theirs).level
    if behind.value < BEHIND or behind.z < BEYOND_NOISE or lost.value < LOST or lost.z < BEYOND_NOISE:
        return _unseen(history)
    if overtook.value < BEHIND or last(ours).level.value < level(then.values).value + BEHIND:
        return _unseen(history)
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


def _far_off(history: History) -> Finding | Literal[False] | None:
    """What the mistakes on single examples say; False where they are not labels at random, None where nothing."""
    best, count, known = best_evaluations(history), classes(history), recalls(history)
    if best is None or best.far_of_wrong() is None or count is None or count < FEWEST_CLASSES:
        return None
    if best.rows < FEWEST_ROWS:
        return None
    guess = known.largest if known is not None else 1 / count
    if _random(best, guess):
        train = outline(history, "train_loss").between(best.first_step, best.last_step)
        beside = level(train.values).value / max(best.loss, 1e-12) if len(train) else 1.0
        if BY_TRAINING_TOO[0] < beside < BY_TRAINING_TOO[1]:  # else one of both is made harder, not its labels worse
            return _drawn(best, count, "validation rows")
        return False
    train_too = seen(history, "train", best.last_step // 2)
    if train_too is not None and train_too.wrong >= FEWEST_ROWS and _random(train_too, guess):
        behind = best.share("right") - train_too.share("right")
        if behind.value > BEHIND and behind.z > BEYOND_NOISE:
            return _drawn(train_too, count, "training rows")
    return False


def _random(examples: Seen, guess: float) -> bool:
    """Whether labels of the examples that are wrong are where labels drawn at random are."""
    far, right = examples.far_of_wrong(), examples.shares["right"]
    if far is None or right < guess + LEARNED * (1 - guess) or far.value * examples.wrong < FAR_COUNT:
        return False
    return far.value > max(FAR, FAR_AT_FIRST * (1 - right)) and far.low() > FAR_BEYOND


def _drawn(examples: Seen, count: int, rows: str) -> Finding:
    far = examples.far_of_wrong()
    assert far is not None
    wrong = min(1.0, examples.shares["far"] * 2 * (count - 1) / count)
    return Finding(
        symptom=HAS_NOISY_LABELS.name,
        severity=HAS_NOISY_LABELS.severity,
        evidence=(
            f"Of {examples.wrong:.0f} {rows} answered wrongly until step {examples.last_step}, {far.value:.0%} ± "
            f"{2 * far.error:.0%} have a label in the less probable half of the {count} classes, as labels drawn at "
            f"random would: about {wrong:.0%} of all labels are."
        ),
        advice=HAS_NOISY_LABELS.advice,
        confidence=0.9 + 0.1 * surety(far.value / FAR),
        first_step=examples.first_step,
        details={
            "far_of_wrong": far.value, "error": far.error, "right": examples.shares["right"], "wrong_labels": wrong,
        },
    )  # fmt: skip


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
        return _unseen(history)
    low = lowest(val, width=max(2, len(val) // 10))
    then = train.between(low.first_step, low.last_step)
    if len(then) == 0 or low.end > EARLY * len(val) or not _overtakes(then, train, low.level.value):
        return _unseen(history)
    if last(val).level.value < 1.1 * low.level.value:
        return _unseen(history)
    return Abstained(
        symptom=HAS_NOISY_LABELS.name,
        why="the training loss was above that of validation at the best epoch and went far below it afterwards",
        measure="look at the labels of the fifty training rows with the highest loss at the best epoch",
    )


def _unseen(history: History) -> Abstained | None:
    """Curves show wrong labels seldom."""
    if not unwatched(history):
        return None
    return Abstained(
        symptom=HAS_NOISY_LABELS.name,
        why="labels wrong at random look in curves like a task that is hard",
        measure=f"{WATCH}, which sees where the network ranks each label",
    )


def _overtakes(then: Curve, train: Curve, low: float) -> bool:
    return level(then.values).value > 1.2 * low > 0 and last(train).level.value < 0.7 * low


HAS_NOISY_LABELS = Symptom(
    name="has-noisy-labels",
    look=has_noisy_labels,
    needs=("train_loss", "val_loss"),
    measure="write the accuracy of training and validation after every epoch",
    causes=("has-misaligned-labels", "is-imbalanced"),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Look at the labels of the fifty training rows with the highest loss at the best epoch.",
)
