"""This run augments too hard: training rows are changed so much that not even they are learned."""

from __future__ import annotations

from ravine.diagnose.known import ended
from ravine.diagnose.neighbours import misaligned, neighbours
from ravine.diagnose.noise import Estimate, surety
from ravine.diagnose.poor import end_skill, settled_poor
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

CHANGED = 0.3  # of the variance of the inputs, in mean square: noise of a third of their spread is a tenth of it
LEFT = 0.75  # of the skill of neighbours, at least, under ordinary augmentation
UNLEARNED = 0.1  # skill that the network lacks in training of that of neighbours before the change
BEYOND_NOISE = 3.0
WORSE = 1.15  # training loss over validation loss
SHARE = 0.45  # of the loss of a guess
VAL_SKILL = 0.85  # 0 for a guess, 1 for no mistake: above it, the hard exercise has paid


def augments_too_hard(history: History) -> Finding | None:
    """Rows of the training that are changed until they tell their labels no more.

    What it sees: what neighbours tell of rows before and after the program has changed them, how large the change
        is, and what the network has come to know of them. Or a training loss that has settled high and above that
        of validation, whose own result is poor: the level of the training loss with its interval as a share of ln
        C; its ratio to the validation loss; the accuracies of both.
    Why it matters: the network spends itself on rows that no longer look like those it will be asked about.
    Not to be mistaken for: dropout, augmentation and mixing of the usual strength, which keep training above
        validation too, but let both fall far; label smoothing.
    What to do: halve the strength of the augmentation (or the dropout), and compare validation alone.
    Source: Gontijo-Lopes et al. 2021, "Tradeoffs in data augmentation"; Steiner et al. 2022.
    """
    found = _by_neighbours(history)
    if found is not None:
        return found
    poor = settled_poor(history, SHARE)
    if poor is None or poor.val is None or poor.val.value <= 0:
        return None
    said = neighbours(history)
    if said is not None and misaligned(said):  # labels are why
        return None
    worse = poor.train - poor.val
    if poor.train.value < WORSE * poor.val.value or worse.z < 4:
        return None
    if poor.val_skill is None or poor.val_skill > VAL_SKILL:
        return None
    return Finding(
        symptom=AUGMENTS_TOO_HARD.name,
        severity=AUGMENTS_TOO_HARD.severity,
        evidence=(
            f"{poor.words}, while validation has {poor.val.value:.4g}: training is "
            f"{poor.train.value / poor.val.value:.2f} times harder than what it is for, and that is still poor "
            f"(a skill of {poor.val_skill:.0%})."
        ),
        advice=AUGMENTS_TOO_HARD.advice,
        confidence=0.8 * surety(poor.train.value / poor.val.value / WORSE * 1.3),
        first_step=poor.first_step,
        details={"train": poor.train.value, "val": poor.val.value, "guess": poor.guess},
    )


def _by_neighbours(history: History) -> Finding | None:
    """Rows that no longer tell their labels once the program has changed them, and are not learned either."""
    said, ours = neighbours(history), end_skill(history, "train")
    if said is None or ours is None or said.changed is None or said.changed < CHANGED:
        return None
    lost = Estimate(LEFT * said.before.value, LEFT * said.before.error) - said.train
    if lost.z < BEYOND_NOISE or ours.value > said.before.value - UNLEARNED or not ended(history):
        return None
    return Finding(
        symptom=AUGMENTS_TOO_HARD.name,
        severity=AUGMENTS_TOO_HARD.severity,
        evidence=(
            f"What the program does to rows of the training on their way to the network is {said.changed:.2g} times "
            "their variance: before it, the five rows most like a row tell its label with a skill of "
            f"{said.before.value:.0%} (0% is a guess), after it with {max(said.train.value, 0):.0%}, and the network "
            f"has come to {max(ours.value, 0):.0%}."
        ),
        advice=AUGMENTS_TOO_HARD.advice,
        confidence=0.95 * surety(lost.z / BEYOND_NOISE),
        first_step=said.step,
        details={"changed": said.changed, "before": said.before.value, "after": said.train.value},
    )


AUGMENTS_TOO_HARD = Symptom(
    name="augments-too-hard",
    look=augments_too_hard,
    needs=("train_loss", "val_loss", "about"),
    measure="watch the training, with the loss and accuracy of training and validation",
    causes=("over-regularizes", "diverges", "has-stale-batch-norm", "differs-in-preprocessing"),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Halve the strength of the augmentation, or the dropout, and compare validation.",
)
