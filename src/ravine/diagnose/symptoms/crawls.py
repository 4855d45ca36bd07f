"""This run crawls: the loss falls at an even, slow pace, because the learning rate is too low."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.exact import updates
from ravine.diagnose.known import guess_loss, supervised
from ravine.diagnose.noise import median, surety
from ravine.diagnose.rates import Rates, rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import fifths, pace, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 8
BEYOND_NOISE = 4.0
STRAIGHT = 0.4  # pace of the last fifth over that of the first: a curve of a good rate bends
STILL_HIGH = 0.6  # of the loss at the start: what is left after all those steps
TINY_UPDATE = 3e-6  # change of a layer's weights in one step, over the weights
ORDINARY = 1e-3  # of the weights of the middle layer, in a step: with a rate too low it is two thirds of that at most
FEWEST_STEPS = 50
NO_WAY = 0.05  # of the weights: all the way that a layer has come, were every step in the same direction


def crawls(history: History) -> Finding | None:
    """A training loss that falls in a nearly straight line and has hardly fallen when the run ends.

    What it sees: the pace in the first and in the last fifth of the part with a high rate, with intervals, and the
        share of the loss that is left; or, where layers are watched, updates of a millionth of the weights while
        the loss stands still.
    Why it matters: the budget is spent on steps that are too short; the same run at ten times the rate would be
        where this one is after a tenth of the time.
    Not to be mistaken for: a network too small for its task, whose layers move as far as others' do; a warmup; a
        schedule that ends low; a converged run; the slow power law of a large model, which falls steeply first.
    What to do: raise the learning rate tenfold, and again while the curve stays straight.
    Source: CS231n, "Learning rates"; Smith 2017, "Cyclical learning rates" (range test).
    """
    known = rates(history)
    train = _at_full_rate(outline(history, "train_loss"), known)
    if len(train) < FEWEST_POINTS or not supervised(history):
        return _by_updates(history, train, known)
    begin = start(train)
    ends = fifths(train)
    first, final = (ends[0] - ends[1]), (ends[3] - ends[4])
    guess = guess_loss(history)
    left = ends[4].value / begin if begin > 0 else 0.0
    if guess is not None:
        left = min(left, ends[4].value / guess)
    down = pace(train)
    slow = -down.z > BEYOND_NOISE and final.z > 2 and left > STILL_HIGH
    if not slow or final.value < STRAIGHT * first.value or final.value < STRAIGHT * -down.value / 5:
        return _by_updates(history, train, known)
    moves = updates(history)
    if moves and median(moves) > ORDINARY:  # steps are long enough; something else holds the network back
        return None
    return _finding(
        f"The training loss falls in a nearly straight line from {begin:.4g} to {ends[4].value:.4g} by step "
        f"{train.steps[-1]}: {final.value:.2g} ± {2 * final.error:.1g} over the last fifth, {first.value:.2g} over "
        "the first.",
        known,
        surety(-down.z / BEYOND_NOISE) * (0.95 if known else 0.8),
        train.steps[0],
        {"first_pace": first.value, "last_pace": final.value, "left": left},
    )


def _at_full_rate(train: Curve, known: Rates | None) -> Curve:
    """The part of the curve between warmup and decay."""
    if known is None or len(train) == 0:
        return train
    low = known.low_from(0.5)
    return train.between(known.warm_from, train.steps[-1] if low is None else low)


def _by_updates(history: History, train: Curve, known: Rates | None) -> Finding | None:
    """The same from how little the weights of every layer move."""
    norms = history.layers("weight_norm")
    moves: list[float] = []
    last_step = 0
    for layer, series in history.layers("update_norm").items():
        weights = dict(norms[layer]) if layer in norms else {}
        ratios = [move / weights[step] for step, move in series if weights.get(step, 0) > 0 and step > 1 and move > 0]
        if ratios:
            moves.append(median(ratios))
            last_step = max(last_step, series.steps[-1])
    if not moves or last_step < FEWEST_STEPS or len(train) < 4:
        return None
    guess = guess_loss(history)
    knows_nothing = guess is not None and last_step >= 2 * FEWEST_STEPS and min(train.values) > 0.9 * guess
    if max(moves) > (max(TINY_UPDATE, NO_WAY / last_step) if knows_nothing else TINY_UPDATE):
        return None
    half = len(train) // 2
    earlier, later = (sum(v) / len(v) for v in (train.values[:half], train.values[half:]))
    if earlier - later > 0.05 * abs(earlier):
        return None
    return _finding(
        f"No layer changes by more than {max(moves):.1g} of its weights in a step (about 1e-3 is usual), and the "
        f"training loss went from {earlier:.4g} to {later:.4g}.",
        known,
        0.9,
        train.steps[0],
        {"update_ratio": max(moves)},
    )


def _finding(evidence: str, known: Rates | None, confidence: float, step: int, details: dict[str, float]) -> Finding:
    higher = f" Here: {10 * known.peak:.1g} instead of {known.peak:.3g}." if known else ""
    return Finding(
        symptom=CRAWLS.name,
        severity=CRAWLS.severity,
        evidence=evidence,
        advice=CRAWLS.advice + higher,
        confidence=confidence,
        first_step=step,
        details=details,
    )


CRAWLS = Symptom(
    name="crawls",
    look=crawls,
    needs=("train_loss",),
    measure="write the training loss",
    causes=(
        "has-misaligned-labels",
        "clips-too-tight",
        "vanishes",
        "has-dead-units",
        "saturates",
        "applies-softmax-twice",
        "is-unscaled",
    ),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Raise the learning rate tenfold.",
)
