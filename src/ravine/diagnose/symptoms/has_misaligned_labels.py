"""This run has misaligned labels: what it learns of the training set says nothing about any other row."""

from __future__ import annotations

import math

from ravine.diagnose.curve import outline
from ravine.diagnose.exact import updates
from ravine.diagnose.known import accuracy, ended, guess_accuracy, guess_by_accuracy, guess_loss, val_rows
from ravine.diagnose.neighbours import Neighbours, misaligned, neighbours
from ravine.diagnose.noise import surety
from ravine.diagnose.poor import end_skill
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.symptoms.stalls import STALLS, stalls
from ravine.diagnose.trend import last, lowest, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 6
LEARNED = 0.12  # of the loss of a guess, from the training set
AT_CHANCE = 2.0  # standard errors over it, of neighbours in both parts: then less of a fall has to be seen
ALIVE = 3e-4  # of a layer's weights in one step, by the middle of those looked at: a thousandth is usual
BEYOND_NOISE = 4.0
UNDERSTOOD = 0.5  # a skill in training that those labels leave to no network which does well in validation, too
BETTER = 0.02  # of the loss of a guess: a validation loss this far under it has learned something


def has_misaligned_labels(history: History) -> Finding | Abstained | None:
    """Labels that say nothing of the rows they stand beside, while those of the evaluation do.

    What it sees: whether rows of the training that are alike have the same label less than half as often as rows of
        the evaluation do, beyond what chance gives; of sequences, whether targets are the next tokens. Where that
        was not asked, or neighbours know nothing of the evaluation either: the end of the training loss against the
        loss of a guess (ln C), and the best stretch of the validation loss and accuracy against those of a guess,
        with the interval of so few rows. Or, where layers are watched, a training loss that stays at that of a
        guess while every layer takes steps of the usual size.
    Why it matters: labels that belong to other rows can only be learned by heart: images and labels shuffled
        apart, a join on the wrong key, classes numbered otherwise in the two parts.
    Not to be mistaken for: augmentation, before which rows are compared; overfitting, whose validation loss was
        below a guess first; grokking, whose validation falls late; few rows of many classes, where a guess is hard
        to beat.
    What to do: print twenty rows with their labels, of both parts, as the network gets them.
    Source: Zhang et al. 2017, "Understanding deep learning requires rethinking generalization"; Arpit et al. 2017.
    """
    said = neighbours(history)
    apart = None if said is None else _apart(history, said)
    if said is not None and apart is not None:
        return _by_neighbours(said) if apart else None
    at_chance = said is not None and said.val is not None and max(said.before.z, said.val.z) < AT_CHANCE
    return _learns_nothing(history) or _by_curves(history, LEARNED / 2 if at_chance else LEARNED)


def _by_curves(history: History, least: float) -> Finding | Abstained | None:
    """A training loss below that of a guess, and a validation set on which a guess is never beaten."""
    train, val = outline(history, "train_loss"), outline(history, "val_loss")
    guess = guess_loss(history)
    if len(train) < FEWEST_POINTS or len(val) < FEWEST_POINTS or not ended(history):
        return None
    end, best = last(train), lowest(val)
    guess = guess or guess_by_accuracy(history, val.values[0])
    if guess is None:
        never = start(val) - best.level.value < BETTER * abs(start(val))
        if never and start(train) - end.level.value > 0.2 * abs(start(train)):
            return Abstained(
                symptom=HAS_MISALIGNED_LABELS.name,
                why="validation never improved on its first reading, and what a guess would score is not known",
                measure="print twenty rows of both parts with their labels, as the network gets them; or "
                "`ravine check mine.py:setup --only shuffled-inputs`",
            )
        return None
    learned = (guess - end.level.value) / guess
    if learned < least or (guess - end.level.value) < BEYOND_NOISE * end.level.error:
        return None
    if best.level.value < guess * (1 - BETTER) - 2 * best.level.error or _beats_a_guess(history):
        return None
    return Finding(
        symptom=HAS_MISALIGNED_LABELS.name,
        severity=HAS_MISALIGNED_LABELS.severity,
        evidence=(
            f"The training loss fell to {end.level.value:.4g}, {learned:.0%} below that of a guess ({guess:.4g}), "
            f"but the validation loss was never lower than {best.level.value:.4g}{_accuracy_words(history)}."
        ),
        advice=HAS_MISALIGNED_LABELS.advice,
        confidence=0.9 * surety(learned / least),
        first_step=train.steps[0],
        details={"guess": guess, "train": end.level.value, "val": best.level.value},
    )


def _apart(history: History, said: Neighbours) -> bool | None:
    """Whether labels and rows belong together; None where that cannot be told of the data."""
    ours, theirs = end_skill(history, "train"), end_skill(history, "val")
    if ours is None or theirs is None or said.val is None:
        return misaligned(said)
    if ours.value > UNDERSTOOD and theirs.value > said.val.value:
        return False
    return misaligned(said, unlearned=ours.value < 0.5 * theirs.value)


def _by_neighbours(said: Neighbours) -> Finding | None:
    """Rows of the evaluation that are alike have the same label, those of the training have not."""
    if said.val is None:
        return None
    if said.of == "tokens":
        evidence = (
            f"The targets are the next tokens in {said.val.value:.0%} of the examples of the evaluation, and in "
            f"{said.before.value:.0%} of those of the training."
        )
    else:
        evidence = (
            "In the evaluation, the five rows most like a row tell its label with a skill of "
            f"{said.val.value:.0%} ± {2 * said.val.error:.0%} (0% is a guess); in the training, with one of "
            f"{said.before.value:.0%} ± {2 * said.before.error:.0%}."
        )
    return Finding(
        symptom=HAS_MISALIGNED_LABELS.name,
        severity=HAS_MISALIGNED_LABELS.severity,
        evidence=evidence,
        advice=HAS_MISALIGNED_LABELS.advice,
        confidence=0.95,
        first_step=said.step,
        details={"train_skill": said.before.value, "val_skill": said.val.value},
    )


def _learns_nothing(history: History) -> Finding | None:
    """A loss that stalls though every layer moves: nothing in the inputs tells the labels."""
    standing = stalls(history)
    if not isinstance(standing, Finding) or not ended(history):
        return None
    moves = updates(history)
    if not moves or min(moves) < ALIVE:
        return None
    return Finding(
        symptom=HAS_MISALIGNED_LABELS.name,
        severity=HAS_MISALIGNED_LABELS.severity,
        evidence=(
            f"{standing.evidence} Yet no layer stands still: each moves by {min(moves):.1g} of its weights a step or "
            "more. What the inputs say has nothing to do with the labels."
        ),
        advice=HAS_MISALIGNED_LABELS.advice,
        confidence=0.7 * standing.confidence,
        first_step=standing.first_step,
        details={**standing.details, "update": min(moves)},
    )


def _beats_a_guess(history: History) -> bool:
    found, guess = accuracy(history), guess_accuracy(history)
    if found is None or guess is None or len(found) < 2:
        return False
    rows = val_rows(history) or 200
    return lowest(found, sign=-1).level.value > guess + 3 * math.sqrt(guess * (1 - guess) / rows) + 0.02


def _accuracy_words(history: History) -> str:
    found = accuracy(history)
    return f" and its accuracy never above {max(found.values):.1%}" if found is not None and len(found) else ""


HAS_MISALIGNED_LABELS = Symptom(
    name="has-misaligned-labels",
    look=has_misaligned_labels,
    needs=("train_loss", "val_loss"),
    measure="write the loss of a validation set after every epoch",
    causes=(
        "differs-in-preprocessing",
        "evaluates-in-train-mode",
        "has-stale-batch-norm",
        "decays-too-early",
        *(cause for cause in STALLS.causes if cause not in ("has-misaligned-labels", "crawls")),
    ),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Print twenty rows with their labels, of both parts, exactly as the network gets them.",
)
