"""This run underfits: training itself has come to rest far from what could be learned."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.exact import updates
from ravine.diagnose.known import ended, guess_loss
from ravine.diagnose.neighbours import neighbours
from ravine.diagnose.noise import median, surety
from ravine.diagnose.poor import SHARE, end_skill, settled_poor
from ravine.diagnose.rates import Rates, rates
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import fifths, last
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 8
MORE = 0.2  # skill that neighbours have and the network has not
BEYOND_NOISE = 4.0
ALIVE = 1e-3  # of the weights of the middle layer, in a step: of a rate too low it is a third of that and less
RUNS_MORE = 3.5  # fifths of the run that the loss would take to vanish at its last pace: a run cut short needs two
GAP = 1.2  # validation loss over training loss, or the other way round, at most
NEAR_GUESS = 0.97  # of the loss of a guess: at it nothing was learned, which is another symptom


def underfits(history: History) -> Finding | Abstained | None:
    """A network that has come to know less than the rows it has learned from tell by mere likeness.

    What it sees: the skill at the end, on validation, against that of the nearest rows of the training; how far
        layers move in a step, which tells a small network from a low rate; the pace of the training loss at the
        end, which tells it from a run cut short. Or the level of the last fifth of the training loss with its
        interval, as a share of ln C; its change over the last two fifths; accuracies; the ratio of the two losses.
        Where a loss has no such scale (regression) a flat loss cannot tell a hard task from a small network.
    Why it matters: more epochs change nothing: the network, or what holds it back, is too small for the task.
    Not to be mistaken for: a floor that the task itself has (label smoothing, labels that are random in part):
        compare with any other model before enlarging this one.
    What to do: first a baseline on the same rows (nearest neighbours, trees); if it is better, twice the width, then
        one more layer, and less regularization.
    Source: Goodfellow et al. 2016, section 11.3; CS231n, "Babysitting the learning process".
    """
    found = _by_neighbours(history)
    if found is not None:
        return found
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


def _by_neighbours(history: History) -> Finding | None:
    """A network whose layers all move and which knows less at its end than the nearest rows of the training tell."""
    said, theirs = neighbours(history), end_skill(history, "val")
    train, val = outline(history, "train_loss"), outline(history, "val_loss")
    if said is None or said.across is None or theirs is None or len(train) < FEWEST_POINTS or len(val) < 3:
        return None
    more, moves = said.across - theirs, updates(history)
    if not ended(history) or more.value < MORE or more.z < BEYOND_NOISE or not moves or median(moves) < ALIVE:
        return None
    guess, end, fall = guess_loss(history), fifths(train)[4].value, _late_fall(train, rates(history))
    if fall is None or end <= 0 or end < RUNS_MORE * fall or not 1 / GAP < last(val).level.value / end < GAP:
        return None
    if guess is None or end > NEAR_GUESS * guess:
        return None
    return Finding(
        symptom=UNDERFITS.name,
        severity=UNDERFITS.severity,
        evidence=(
            f"At the end the network predicts validation with a skill of {theirs.value:.0%} (0% is a guess); the rows "
            f"of the training that are nearest do so with {said.across.value:.0%} ± {2 * said.across.error:.0%}. Its "
            f"layers move by {median(moves):.1g} of their weights a step, and the training loss, {end:.4g}, fell by no "
            f"more than {max(fall, 0):.2g} over the last fifth of the run."
        ),
        advice=UNDERFITS.advice,
        confidence=0.95 * surety(more.value / MORE),
        first_step=said.step,
        details={"skill": theirs.value, "neighbours": said.across.value, "update": median(moves)},
    )


def _late_fall(train: Curve, known: Rates | None) -> float | None:
    """How much a fifth of the run brings, at the last pace before the rate is lowered; None where that was early."""
    full = train
    if known is not None:
        low = known.low_from(0.5)
        full = train.between(known.warm_from, train.steps[-1] if low is None else low)
    if len(full) < FEWEST_POINTS:
        return None
    levels = fifths(full)
    spans = (train.steps[-1] - train.steps[0]) / max(1, full.steps[-1] - full.steps[0])
    return spans * (levels[2].value - levels[4].value) / 2


UNDERFITS = Symptom(
    name="underfits",
    look=underfits,
    needs=("train_loss", "about"),
    measure="watch the training: what a guess scores, and what neighbours tell, must be known",
    causes=(
        "over-regularizes", "augments-too-hard", "stalls", "diverges", "bounces", "decays-too-early",
        "has-misaligned-labels", "is-imbalanced", "applies-softmax-twice", "has-dead-units", "skips-parameters",
        "clips-too-tight", "uses-wrong-loss", "saturates", "vanishes", "is-unscaled", "mixes-examples", "ascends",
        "starts-symmetric", "has-wrong-output-activation", "has-noisy-labels", "starts-too-hot",
    ),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Make the network wider or deeper, after a baseline on the same rows has shown that more can be learned.",
)  # fmt: skip
