"""This run decays too late: the loss stood on a noisy floor for long, and falls only in the last steps."""

from __future__ import annotations

from ravine.diagnose.agreement import agreement, pairs
from ravine.diagnose.curve import Curve, curve
from ravine.diagnose.known import ended, supervised
from ravine.diagnose.noise import level, surety
from ravine.diagnose.rates import Rates, rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import last, pace, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LATE = 0.89  # share of the run before the rate goes down
DROP = 0.3  # of the loss of the floor, at least
BEYOND_NOISE = 4.0
OVER = 0.6  # of the steps at the high rate, that lead beyond the lowest point
LEFT = -0.1  # of the slope of a step, that is there after it, at most
SURELY = 2.6  # standard errors, of their share and of what is left of the slope together
FEWEST_PAIRS = 10


def decays_too_late(history: History) -> Finding | None:
    """A rate that goes down in the last steps alone, after a loss that stood, or steps that all went too far.

    What it sees: where in the run the decay begins; the pace over the second half of the part at the high rate, which
        must not fall, and the level there against that at the very end, in standard errors; or, where gradients are
        watched, that the steps at the high rate led beyond the lowest point along them, and the run did not diverge.
    Why it matters: the steps on the floor were lost, and those after it are too few to arrive.
    Not to be mistaken for: warmup-stable-decay, whose loss still falls in the stable part by steps that are not too
        long, or which decays over a fifth of the run; a plateau schedule that cut when it should.
    What to do: begin the decay where the floor begins, or decay over the whole run (cosine, linear).
    Source: Hägele et al. 2024, "Scaling laws and compute-optimal training beyond fixed training durations".
    """
    known = rates(history)
    if known is None or not supervised(history) or not ended(history):
        return None
    low = known.low_from(0.9)
    fine, coarse = curve(history, "train_loss", "step"), curve(history, "train_loss", "epoch")
    whole = fine if len(fine) > len(coarse) else coarse
    if low is None or known.final > 0.3 * known.peak or len(whole) < 20:
        return None
    begin, end = whole.steps[0], whole.steps[-1]
    high = whole.between(known.warm_from, low - 1)
    if (low - begin) < LATE * (end - begin) or len(high) < 10:
        return None
    beyond = _beyond(history, known, whole, high, low)
    if beyond is not None:
        return beyond
    floor = high.between(high.steps[0] + (high.steps[-1] - high.steps[0]) / 2, high.steps[-1]).thinned(30)
    after = whole.between(low, end)
    if len(floor) < 5 or len(after) < 2:
        return None
    change, there = pace(floor), level(floor.values)
    now = last(after, max(1, len(after) // 3)).level if len(after) >= 9 else last(after, 1).level
    drop = there.value - now.value
    flat = change.z > -2 or -change.value < 0.1 * drop
    if not flat or drop < DROP * abs(there.value) or drop < BEYOND_NOISE * there.error:
        return None
    return Finding(
        symptom=DECAYS_TOO_LATE.name,
        severity=DECAYS_TOO_LATE.severity,
        evidence=(
            f"From step {floor.steps[0]} to {floor.steps[-1]} the training loss stood at {there.value:.4g} ± "
            f"{2 * there.error:.1g}; the rate went down at step {low}, {(low - begin) / (end - begin):.0%} into the "
            f"run, and the loss fell to {now.value:.4g}."
        ),
        advice=DECAYS_TOO_LATE.advice,
        confidence=surety(drop / (BEYOND_NOISE * max(there.error, 1e-12))),
        first_step=floor.steps[0],
        details={"floor": there.value, "last": now.value, "error": there.error},
    )


def _beyond(history: History, known: Rates, whole: Curve, high: Curve, low: int) -> Finding | None:
    """Steps at the high rate that led beyond the lowest point, in a run that still ends below where it began."""
    found = pairs(history, high.steps[0], high.steps[-1])
    said = agreement(found) if len(found) >= FEWEST_PAIRS else None
    after = whole.between(low, whole.steps[-1])
    if said is None or said.overshooting is None or said.left is None or said.too_far < SURELY:
        return None
    if said.overshooting.value < OVER or said.left.value > LEFT:
        return None
    if not after.values or level(after.values).value >= start(whole):
        return None
    share = (low - whole.steps[0]) / (whole.steps[-1] - whole.steps[0])
    return Finding(
        symptom=DECAYS_TOO_LATE.name,
        severity=DECAYS_TOO_LATE.severity,
        evidence=(
            f"At a rate of {known.peak:.3g}, {said.overshooting.value:.0%} of {said.count} steps looked at led beyond "
            f"the lowest point along them; it went down at step {low} alone, {share:.0%} into the run."
        ),
        advice=DECAYS_TOO_LATE.advice,
        confidence=surety(said.too_far / SURELY),
        first_step=high.steps[0],
        details={"beyond": said.overshooting.value, "low": low},
    )


DECAYS_TOO_LATE = Symptom(
    name="decays-too-late",
    look=decays_too_late,
    needs=("train_loss", "lr"),
    measure="write the learning rate beside the loss",
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Begin to lower the rate where the loss has become flat, or let it decay over the whole run.",
)
