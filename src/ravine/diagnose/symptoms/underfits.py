"""This run underfits: training itself has come to rest far from what could be learned."""

from __future__ import annotations

from ravine.diagnose.noise import surety
from ravine.diagnose.poor import SHARE, settled_poor
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

GAP = 1.2  # validation loss over training loss, or the other way round, at most
NEAR_GUESS = 0.97  # of the loss of a guess: at it nothing was learned, which is another symptom


def underfits(history: History) -> Finding | Abstained | None:
    """A training loss that is flat at more than half the loss of a guess, with validation just as poor.

    What it sees: the level of the last fifth of the training loss with its interval, as a share of ln C; its change
        over the last two fifths; accuracies; the ratio of the two losses. Where a loss has no such scale (regression)
        curves cannot tell a hard task from a small network, and nothing is said.
    Why it matters: more epochs change nothing: the network, or what holds it back, is too small for the task.
    Not to be mistaken for: a floor that the task itself has (label smoothing, labels that are random in part): compare
        with any other model before enlarging this one.
    What to do: first a baseline on the same rows (nearest neighbours, trees); if it is better, twice the width, then
        one more layer, and less regularization.
    Source: Goodfellow et al. 2016, section 11.3; CS231n, "Babysitting the learning process".
    """
    poor = settled_poor(history)
    if poor is None or poor.share > NEAR_GUESS:
        return None
    if poor.val is not None and not 1 / GAP < poor.val.value / poor.train.value < GAP:
        return None
    if poor.skill is None:
        return Abstained(
            symptom=UNDERFITS.name,
            why=f"the training loss has settled at {poor.share:.0%} of that of a guess, and accuracies are not written",
            measure="compare with a linear model on the same rows: `ravine check mine.py:setup --only baselines`",
        )
    return Finding(
        symptom=UNDERFITS.name,
        severity=UNDERFITS.severity,
        evidence=poor.words + (", and validation is no worse." if poor.val is not None else "."),
        advice=UNDERFITS.advice,
        confidence=0.8 * surety(poor.share / SHARE * 1.5),
        first_step=poor.first_step,
        details={"level": poor.train.value, "guess": poor.guess, "skill": poor.skill},
    )


UNDERFITS = Symptom(
    name="underfits",
    look=underfits,
    needs=("train_loss",),
    measure="write the training loss",
    causes=(
        "over-regularizes", "augments-too-hard", "crawls", "stalls", "diverges", "bounces", "decays-too-early",
        "has-misaligned-labels", "is-imbalanced", "applies-softmax-twice", "has-dead-units", "skips-parameters",
        "clips-too-tight", "uses-wrong-loss", "saturates", "vanishes", "is-unscaled", "mixes-examples", "ascends",
        "starts-symmetric", "has-wrong-output-activation", "has-noisy-labels",
    ),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Make the network wider or deeper, after a baseline on the same rows has shown that more can be learned.",
)  # fmt: skip
