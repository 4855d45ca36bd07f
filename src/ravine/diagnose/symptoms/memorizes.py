"""This run memorizes: the training set is known by heart, and little of it holds elsewhere."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.exact import WATCH
from ravine.diagnose.known import accuracy, ended, guess_accuracy, guess_loss, val_rows
from ravine.diagnose.noise import of_share, surety
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import last, lowest
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 6
BY_HEART = 0.95  # accuracy of training
BY_HEART_LOSS = 0.1  # training loss over that of a guess
HALF = 0.6  # what validation has of the skill of training, at most


def memorizes(history: History) -> Finding | Abstained | None:
    """Training all but perfect, with validation closer to a guess than to it, at the best epoch and at the end.

    What it sees: skill, which is 0 for a guess and 1 for no mistake, of both parts at the end; that of validation
        at its best, with the interval of its rows, against that of training. Without accuracies, the losses
        against that of a guess.
    Why it matters: the network has room enough to store the rows; nothing made it look for what they share.
    Not to be mistaken for: a perfect training set with good validation, which is how many networks end;
        grokking, when it is over.
    What to do: more rows or augmentation first; then a much smaller network or strong weight decay.
    Source: Arpit et al. 2017, "A closer look at memorization in deep networks".
    """
    train = outline(history, "train_loss")
    if len(train) < FEWEST_POINTS or not ended(history):
        return None
    ours, theirs, chance = accuracy(history, "train"), accuracy(history, "val"), guess_accuracy(history)
    if theirs is not None and len(theirs) >= FEWEST_POINTS and chance is not None and chance < 0.9:
        known = ours is not None and len(ours) >= FEWEST_POINTS
        mine = last(ours).level.value if ours is not None and known else _by_loss(history)
        if mine < BY_HEART:
            return None
        best = lowest(theirs, sign=-1).level.value
        rows = val_rows(history)
        high = best + (of_share(best, rows) if rows else 0.02)
        skill = (high - chance) / (1 - chance)
        if skill > HALF * (mine - chance) / (1 - chance):
            return None
        return _finding(
            f"The training set is right to {mine:.1%}, the validation set to {best:.1%} at best, where a guess has "
            f"{chance:.1%}.",
            HALF / max(skill, 0.05),
            {"train": mine, "val": best, "guess": chance},
        )
    if chance is None and _differ(ours, theirs):
        return Abstained(
            symptom=MEMORIZES.name,
            why="training is all but perfect and validation is not, and what a guess would score is not known",
            measure=f"{WATCH}, or write the number of classes",
        )
    val, guess = outline(history, "val_loss"), guess_loss(history)
    if theirs is not None or guess is None or len(val) < FEWEST_POINTS or _by_loss(history) < 1:
        return None
    best = lowest(val).level.value
    if best < HALF * guess:
        return None
    return _finding(
        f"The training loss is {last(train).level.value:.2g}, that of validation {best:.4g} at best, where a guess has "
        f"{guess:.4g}.",
        best / (HALF * guess),
        {"train": last(train).level.value, "val": best, "guess": guess},
    )


def _differ(ours: Curve | None, theirs: Curve | None) -> bool:
    """Whether all of the training set is right at the end, and never much of the validation set."""
    if ours is None or theirs is None or min(len(ours), len(theirs)) < FEWEST_POINTS:
        return False
    mine = last(ours).level.value
    return mine >= BY_HEART and lowest(theirs, sign=-1).level.value < HALF * mine


def _by_loss(history: History) -> float:
    """What the training loss says of the accuracy of training, where that was not written: 1 or 0."""
    guess, end = guess_loss(history), last(outline(history, "train_loss"))
    return 1.0 if guess is not None and end.level.value < BY_HEART_LOSS * guess else 0.0


def _finding(evidence: str, beyond: float, details: dict[str, float]) -> Finding:
    return Finding(
        symptom=MEMORIZES.name,
        severity=MEMORIZES.severity,
        evidence=evidence,
        advice=MEMORIZES.advice,
        confidence=surety(beyond),
        details=details,
    )


MEMORIZES = Symptom(
    name="memorizes",
    look=memorizes,
    needs=("train_loss", "val_loss"),
    measure="write the loss and accuracy of a validation set after every epoch",
    causes=("has-misaligned-labels", "has-noisy-labels", "differs-in-preprocessing", "has-stale-batch-norm"),
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Give it more rows, or augmentation: there is nothing left to learn from those it has.",
)
