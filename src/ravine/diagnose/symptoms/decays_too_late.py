"""This run decays too late: the loss stood on a noisy floor for long, and falls only in the last steps."""

from __future__ import annotations

from ravine.diagnose.curve import curve
from ravine.diagnose.known import ended, supervised
from ravine.diagnose.noise import level, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import last, pace
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LATE = 0.89  # share of the run before the rate goes down
DROP = 0.3  # of the loss of the floor, at least
BEYOND_NOISE = 4.0


def decays_too_late(history: History) -> Finding | None:
    """A flat training loss at the high rate, and a large drop in the short rest after the rate went down.

    What it sees: the pace over the second half of the part at the high rate, which must not fall; the level there
        against that at the very end, in standard errors; where in the run the decay begins.
    Why it matters: the steps on the floor were lost, and those after it are too few to arrive.
    Not to be mistaken for: warmup-stable-decay, whose loss still falls in the stable part, or which decays over a
        fifth of the run; a plateau schedule that cut when it should.
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


DECAYS_TOO_LATE = Symptom(
    name="decays-too-late",
    look=decays_too_late,
    needs=("train_loss", "lr"),
    measure="write the learning rate beside the loss",
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Begin to lower the rate where the loss has become flat, or let it decay over the whole run.",
)
