"""This run wakes late: its loss stands still for a good part of the run, and only then falls."""

from __future__ import annotations

from ravine.diagnose.curve import curve
from ravine.diagnose.known import supervised
from ravine.diagnose.noise import jitter, level, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.symptoms.stops_too_early import late_share
from ravine.diagnose.trend import last, pace
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 10
SHARE = 0.12  # of the run, warmup not counted
MOVED = 0.05  # of the whole fall, on the plateau
UNEVEN = 0.1  # of the whole fall: the noise on a plateau that can be called one
BEYOND_NOISE = 8.0  # the fall after it, in standard errors
STEEP = 0.15  # of the whole fall in the last fifth: the run is short, not its beginning long


def wakes_late(history: History) -> Finding | None:
    """A plateau at the height of the first loss, and a large fall after it.

    What it sees: the longest stretch from the end of warmup on whose level has come down by less than a
        twentieth of the whole fall, as a share of the run; the fall after it in standard errors.
    Why it matters: the steps of the plateau were lost: weights began where the gradient is weak (too small, too
        deep, saturated, symmetric), and another seed may not wake at all.
    Not to be mistaken for: a warmup; a run that ends in the middle of its fall; layers frozen at first;
        validation that wakes late while training was perfect long before.
    What to do: initialization that keeps the variance (He for ReLU), normalization, residual branches that begin at
        zero; then a higher rate.
    Source: Glorot & Bengio 2010; Dauphin et al. 2014, on plateaus at saddles.
    """
    train, known = curve(history, "train_loss").thinned(100), rates(history)
    if len(train) < FEWEST_POINTS or not supervised(history):
        return None
    begin = train.steps[0]
    if known is not None:
        begin = max(begin, known.warm_from)
    part = train.between(begin, train.steps[-1])
    if len(part) < FEWEST_POINTS:
        return None
    floor = last(part).level
    first = level(part.values[: max(2, len(part) // 20)])
    whole = first - floor
    if whole.z < BEYOND_NOISE or whole.value < 0.1 * abs(first.value):
        return None
    line = first.value - MOVED * whole.value
    wakes = next((at for at in range(len(part) - 1) if part.values[at] < line and part.values[at + 1] < line), 0)
    span = train.steps[-1] - train.steps[0]
    share = (part.steps[wakes] - part.steps[0]) / span if span else 0.0
    plateau = part.between(part.steps[0], part.steps[max(wakes - 1, 0)])
    if share < SHARE or len(plateau) < 3:
        return None
    late = late_share(train, known is not None)
    if late is not None and late.value > STEEP:
        return None
    tilt = pace(plateau)
    if jitter(plateau.values) > UNEVEN * whole.value or level(plateau.values).error > MOVED * whole.value:
        return None
    # A straight, slow line has moved by a twentieth too; a plateau is followed by something much steeper.
    steepest = max(a - b for a, b in zip(part.values[wakes - 1 :], part.values[wakes:], strict=False))
    if steepest < 5 * max(-tilt.value / len(plateau), 0.0) or steepest < 0.04 * whole.value:
        return None
    return Finding(
        symptom=WAKES_LATE.name,
        severity=WAKES_LATE.severity,
        evidence=(
            f"The training loss stayed at {first.value:.4g} ± {2 * first.error:.1g} until step "
            f"{part.steps[wakes - 1]}, {share:.0%} of the run, and then fell to {floor.value:.4g}."
        ),
        advice=WAKES_LATE.advice,
        confidence=surety(share / SHARE),
        first_step=part.steps[0],
        details={"share": share, "plateau": first.value, "floor": floor.value},
    )


WAKES_LATE = Symptom(
    name="wakes-late",
    look=wakes_late,
    needs=("train_loss",),
    measure="write the training loss",
    causes=(
        "has-misaligned-labels",
        "diverges",
        "starts-too-small",
        "starts-too-large",
        "starts-symmetric",
        "saturates",
        "vanishes",
        "clips-too-tight",
    ),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Begin where gradients are alive: He initialization for ReLU, or a normalization between the layers.",
)
