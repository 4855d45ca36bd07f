"""This run stalls: its loss stays where a guess would be, though steps are taken."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import guess_by_accuracy, guess_loss, supervised
from ravine.diagnose.noise import Estimate, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import fifths
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 6
NEAR = 0.03  # of the loss of a guess
FELL = 0.06  # of the loss of a guess, from the first fifth to the last: less is standing still
FEWEST_STEPS = 100


def stalls(history: History) -> Finding | Abstained | None:
    """A training loss that begins and ends at the loss of a guess and does not move in between.

    What it sees: the level of the last stretch against the loss of a network that knows nothing (ln C, or the
        mean square of the targets), and the whole change of the curve with its interval.
    Why it matters: nothing is learned, and more epochs of the same will not change it.
    Not to be mistaken for: a run that has converged early and is flat at a low loss; a resumed run; a plateau
        that is left later; a warmup; losses of adversaries and policies.
    What to do: train on twenty examples alone. If their loss does not reach zero, the program is at fault (labels,
        loss, a detached branch); if it does, try the learning rate ten times higher and ten times lower.
    Source: Goodfellow et al. 2016, section 11.5; Karpathy 2019, "A recipe for training neural networks".
    """
    train, known = outline(history, "train_loss"), rates(history)
    if known is not None and len(train):
        train = train.between(known.warm_from, train.steps[-1])
    if len(train) < FEWEST_POINTS or not supervised(history) or train.steps[-1] < FEWEST_STEPS:
        return None
    levels = fifths(train)
    begin, end = levels[0], levels[4]
    change = end - begin
    guess = guess_loss(history) or guess_by_accuracy(history, end.value)
    if guess is None:
        return _unknown(train, change)
    moved = abs(change.value) > FELL * guess and abs(change.z) > 2
    unsure = max(begin.error, end.error) > NEAR * guess
    if moved or unsure or max(abs(end.value - guess), abs(begin.value - guess) / 3) > NEAR * guess + 2 * end.error:
        return None
    return Finding(
        symptom=STALLS.name,
        severity=STALLS.severity,
        evidence=(
            f"The training loss is {end.value:.4g} ± {2 * end.error:.1g} at the end, that of a guess is "
            f"{guess:.4g}, and over {train.steps[-1]} steps it changed by {change.value:.1g} ± {2 * change.error:.1g}."
        ),
        advice=STALLS.advice,
        confidence=surety(FELL * guess / max(abs(change.value), 1e-12)) * (0.95 if guess_loss(history) else 0.8),
        first_step=train.steps[0],
        details={"level": end.value, "guess": guess, "change": change.value},
    )


def _unknown(train: Curve, change: Estimate) -> Abstained | None:
    """Flat from the first step to the last, at a level of which nothing is known."""
    if abs(change.value) > FELL * abs(train.values[0]):
        return None
    return Abstained(
        symptom=STALLS.name,
        why="the training loss is flat from its first reading on, and what a guess would score is not known",
        measure="train on a few examples alone, whose loss must reach zero: "
        "`ravine check mine.py:setup --only overfit-one-batch`",
    )


STALLS = Symptom(
    name="stalls",
    look=stalls,
    needs=("train_loss",),
    measure="write the training loss",
    causes=(
        "crawls", "diverges", "ascends", "vanishes", "explodes", "saturates", "has-dead-units", "skips-parameters",
        "steps-before-backward", "clips-too-tight", "needs-clipping", "broadcasts-loss", "mixes-examples",
        "starts-symmetric", "has-misaligned-labels", "over-regularizes", "trains-in-eval-mode", "is-unscaled",
        "starts-too-large", "starts-too-small", "has-wrong-output-activation", "uses-wrong-loss",
    ),
    tier=Tier.CURVES,
    severity=Severity.ERROR,
    advice="Train on a few examples alone (`ravine check mine.py:setup --only overfit-one-batch`): if their loss does "
    "not reach zero the program is at fault, not the rate.",
)  # fmt: skip
