"""This run augments too hard: training rows are changed so much that not even they are learned."""

from __future__ import annotations

from ravine.diagnose.noise import surety
from ravine.diagnose.poor import settled_poor
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

WORSE = 1.15  # training loss over validation loss
SHARE = 0.45  # of the loss of a guess
VAL_SKILL = 0.85  # 0 for a guess, 1 for no mistake: above it, the hard exercise has paid


def augments_too_hard(history: History) -> Finding | None:
    """A training loss that has settled high and above that of validation, whose own result is poor.

    What it sees: the level of the training loss with its interval as a share of ln C; its ratio to the validation loss;
        the accuracies of both.
    Why it matters: the network spends itself on rows that no longer look like those it will be asked about.
    Not to be mistaken for: dropout, augmentation and mixing of the usual strength, which keep training above validation
        too, but let both fall far; label smoothing.
    What to do: halve the strength of the augmentation (or the dropout), and compare validation alone.
    Source: Gontijo-Lopes et al. 2021, "Tradeoffs in data augmentation"; Steiner et al. 2022.
    """
    poor = settled_poor(history, SHARE)
    if poor is None or poor.val is None or poor.val.value <= 0:
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


AUGMENTS_TOO_HARD = Symptom(
    name="augments-too-hard",
    look=augments_too_hard,
    needs=("train_loss", "val_loss"),
    measure="write the loss and accuracy of training and validation",
    causes=("over-regularizes", "diverges", "bounces", "crawls", "has-stale-batch-norm", "differs-in-preprocessing"),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Halve the strength of the augmentation, or the dropout, and compare validation.",
)
