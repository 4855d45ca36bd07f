"""This run diverges: the training loss rises for good."""

from __future__ import annotations

import math

from ravine.diagnose.curve import Curve, curve, outline
from ravine.diagnose.known import accuracy, guess_by_accuracy, guess_loss, supervised
from ravine.diagnose.noise import Estimate, jitter, level, median, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import last, lowest, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 6
BEYOND_NOISE = 5.0  # standard errors of the rise
LOST = 0.5  # of what had been learned
EXPLODED = 10.0  # times the first loss, and that of a guess
WHOLE = 0.2  # of a layer's weights in one step; a thousandth is usual
FIRST = 20  # steps
THROWN = 3.0  # times the first loss
ABOVE = 1.008  # times the loss of a guess: small steps leave it within half a percent
GROSS = 30.0  # times the first loss and what had been learned: no loss of an adversary or a policy rises so far


def diverges(history: History) -> Finding | Abstained | None:
    """A training loss that leaves its minimum and stays up, or climbs until it is no number.

    What it sees: the level of the last sixth of the run against the lowest stretch before it, in standard
        errors under correlated noise; every one of the last points must lie in the upper part of the rise. Or
        the last readings before the loss became NaN, if they climb above where the run began. Or a loss that flies up
        in the beginning and is never lower again than it was; where layers are watched, under first updates as large
        as the weights. Or, where they are not, a loss that stays above that of a guess, with answers like one's.
    Why it matters: each step now undoes what earlier ones learned; more steps make it worse.
    Not to be mistaken for: the bump of a warmup and the rise at a restart, both of which fall again; steps at the
        edge of stability; the losses of adversaries and policies, which may rise while all is well.
    What to do: a learning rate three to ten times lower, then warmup, then clipping of the gradient norm.
    Source: CS231n, "Babysitting the learning process"; Goodfellow et al. 2016, section 8.2.4.
    """
    broken = _broken(history, curve(history, "train_loss"))
    if broken is not None:
        return broken
    thrown = _thrown_away(history)
    if thrown is not None:
        return thrown
    train = outline(history, "train_loss")
    if len(train) < FEWEST_POINTS:
        return None
    exploded = _exploded(history, curve(history, "train_loss")) or _worse_than_a_guess(history, train)
    if exploded is not None:
        return exploded
    end = last(train, max(2, len(train) // 6))
    before = train.between(train.steps[0], train.steps[end.begin - 1])
    low = lowest(before, min(len(before), max(2, len(train) // 6)))
    rise = end.level - low.level
    learned = max(start(train) - low.level.value, 0.0)
    stays = min(train.values[end.begin :]) > low.level.value + 0.25 * rise.value
    if rise.z < BEYOND_NOISE or not stays or rise.value < max(LOST * learned, 0.3 * abs(low.level.value)):
        return None
    if not supervised(history) and rise.value < GROSS * max(learned, abs(low.level.value), abs(start(train))):
        return Abstained(
            symptom=DIVERGES.name,
            why="the training loss rises, and nothing says whether it is one that should fall",
            measure="write the loss of a validation set",
        )
    left = max(
        (s for s, v in zip(train.steps, train.values, strict=True) if v <= low.level.value + 0.1 * rise.value),
        default=train.steps[0],
    )
    return _finding(
        history,
        f"The training loss rose from {low.level.value:.4g} around step {low.last_step} to "
        f"{end.level.value:.4g} ± {2 * end.level.error:.2g} at the end and stays there.",
        left,
        surety(rise.z / BEYOND_NOISE),
        {"lowest": low.level.value, "last": end.level.value, "error": rise.error},
    )


def _exploded(history: History, train: Curve) -> Finding | None:
    """A rise so large that no noise explains it, and that drowns everything before it."""
    first = max(abs(train.values[0]), guess_loss(history) or 0.0)
    tail = train.values[-max(2, len(train) // 6) :]
    if train.kind == "" or first <= 0 or min(tail) < EXPLODED * first or not supervised(history):
        return None
    below = [step for step, value in train.points() if value <= 2 * first]
    return _finding(
        history,
        f"The training loss rose from {train.values[0]:.4g} to {train.values[-1]:.3g} and stays there.",
        below[-1] if below else train.steps[0],
        0.97,
        {"lowest": min(train.values), "last": train.values[-1]},
    )


def _thrown_away(history: History) -> Finding | None:
    """The first steps throw the first weights away, and what comes after begins from there."""
    losses, norms = curve(history, "train_loss", "step"), history.layers("weight_norm")
    if len(losses) < FEWEST_POINTS or history.about.get("resumed"):
        return None
    if not norms:
        return _never_back(history, losses)
    moves: dict[str, float] = {}
    for layer, series in history.layers("update_norm").items():
        weights = dict(norms[layer]) if layer in norms else {}
        # a layer that begins at zero moves by more than itself, and so once
        early = [move / weights[step] for step, move in series if step <= FIRST and weights.get(step, 0) > 0]
        if len(early) >= 3:
            moves[layer] = sorted(early)[-3]
    begin, top = losses.values[0], max(losses.values)
    rest = [value for step, value in losses.points() if step > losses.steps[-1] / 2]
    if len(moves) < 2 or median(list(moves.values())) < WHOLE or not begin > 0 or top < THROWN * begin:
        return None
    if not rest or median(rest) < 0.9 * begin:
        return None
    layer = max(moves, key=lambda name: moves[name])
    return _finding(
        history,
        f"In the first steps layer {layer} changed by {moves[layer]:.0%} of its weights at a time (a thousandth is "
        f"usual); the training loss rose from {begin:.4g} to {top:.4g}, and is {median(rest):.4g} in the second half.",
        losses.steps[0],
        0.95,
        {"first": begin, "highest": top, "update_ratio": moves[layer]},
    )


def _never_back(history: History, losses: Curve) -> Finding | None:
    """The same, where layers were not watched: a loss that leaps up and never comes below where it began."""
    begin, top = losses.values[0], max(losses.values)
    rest = [value for step, value in losses.points() if step > losses.steps[-1] / 2]
    if not supervised(history) or not begin > 0 or top < THROWN * begin or not rest or median(rest) < 0.9 * begin:
        return None
    return _finding(
        history,
        f"The training loss began at {begin:.4g}, rose to {top:.4g}, and is {median(rest):.4g} in the second half.",
        losses.steps[0],
        surety(top / (THROWN * begin)),
        {"first": begin, "highest": top},
    )


def _worse_than_a_guess(history: History, train: Curve) -> Finding | None:
    """A loss that stays above that of a guess, at the accuracy of one: outputs are thrown about, not left alone.

    Where layers are watched, their updates tell more.
    """
    if history.layers("weight_norm") or not supervised(history):
        return None
    late = train.values[len(train) // 2 :]
    usual = level(late)
    guess = guess_loss(history) or guess_by_accuracy(history, usual.value)
    right = accuracy(history) or accuracy(history, "train")
    if guess is None or right is None or (usual - Estimate(guess, 0.0)).z < BEYOND_NOISE:
        return None
    chance = math.exp(-guess)
    if usual.value < ABOVE * guess or min(late) <= guess or not 0.7 < median(right.values) / chance < 1.3:
        return None
    return _finding(
        history,
        f"The training loss is {usual.value:.4g} ± {2 * usual.error:.1g} in the second half, above the {guess:.4g} of "
        f"a guess, with {median(right.values):.1%} right: the outputs are moved about, at random.",
        train.steps[len(train) // 2],
        surety((usual.value - guess) / ((ABOVE - 1) * guess)),
        {"level": usual.value, "guess": guess},
    )


def _broken(history: History, train: Curve) -> Finding | None:
    """A climb that ends in NaN."""
    if train.broke_at is None or len(train) < 4:
        return None
    top, least = train.values[-1], min(train.values)
    learned = start(train) - least
    climbs = train.values[-1] > train.values[-2] > least
    if not climbs or top < start(train) + max(learned, 6 * jitter(train.values[: len(train) // 2]), 0.5 * abs(least)):
        return None
    left = max(s for s, v in train.between(0, train.steps[-1]).points() if v <= least + 0.1 * (top - least))
    return _finding(
        history,
        f"The training loss rose from {least:.4g} to {top:.4g} and is no number from step {train.broke_at} on.",
        left,
        0.95,
        {"lowest": least, "last": top},
    )


def _finding(history: History, evidence: str, step: int, confidence: float, details: dict[str, float]) -> Finding:
    known = rates(history)
    lower = f" Here: {known.at(step) / 5:.1g} instead of {known.at(step):.3g}." if known and known.at(step) > 0 else ""
    return Finding(
        symptom=DIVERGES.name,
        severity=DIVERGES.severity,
        evidence=evidence,
        advice=DIVERGES.advice + lower,
        confidence=confidence,
        first_step=step,
        details=details,
    )


DIVERGES = Symptom(
    name="diverges",
    look=diverges,
    needs=("train_loss",),
    measure="write the training loss",
    causes=(
        "ascends", "accumulates-gradients", "sums-instead-of-means", "is-unscaled", "has-unscaled-targets",
        "starts-too-large", "uses-wrong-loss", "batch-too-small", "decays-too-late",
    ),
    tier=Tier.CURVES,
    severity=Severity.ERROR,
    advice="Lower the learning rate, three to ten times.",
)  # fmt: skip
