"""This run decays too early: the learning rate goes down while the loss is still falling fast."""

from __future__ import annotations

from ravine.diagnose.curve import Curve, curve
from ravine.diagnose.exact import first_fact, told, where
from ravine.diagnose.known import supervised
from ravine.diagnose.noise import level, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import change, last, pace, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LOW = 0.1  # of the highest rate
REST = 0.4  # of the run spent at so low a rate, at least
COLLAPSED = 0.2  # pace after over pace before, at most
LEFT = 0.08  # of the first loss: where less is left there was nothing to lose
KEPT = 0.6  # of the loss before the decay, at the end: a cut at the right time lets it drop
BEYOND_NOISE = 3.0
SPENT, SPENT_REST = 0.02, 0.7  # of the highest rate, and of the run: no schedule is meant to spend so much on so little


def decays_too_early(history: History) -> Finding | None:
    """A loss that falls, a rate that drops to a tenth, and a long rest of the run in which next to nothing happens.

    What it sees: a rate at next to nothing for most of the run; else the pace of the training loss shortly before the
        rate is low, with its interval, and after it; the
        share of the run at the low rate; what of the loss is left.
    Why it matters: what the high rate would have learned in a few more steps takes the low one ten times as many.
    Not to be mistaken for: a cut on a plateau, after which the loss drops at once; a schedule that is low only in the
        last steps; a run that had learned everything by then.
    What to do: begin the decay where the loss is flat, or stretch the schedule over the whole run.
    Source: He et al. 2016, on when to cut; You et al. 2019, "How does learning rate decay help modern neural
        networks?".
    """
    stepped = first_fact(history, "schedule-stepped-per-batch")
    if stepped is not None:
        return told(
            DECAYS_TOO_EARLY,
            stepped,
            f"{stepped['scheduler']} is stepped with every batch{where(stepped)}: its rate is spent after "
            f"{stepped['over_after']} batches, and an epoch has {stepped['batches']}.",
            "Move `scheduler.step()` out of the loop over batches, to the end of the epoch.",
            severity=Severity.ERROR,
        )
    known = rates(history)
    if known is None or not supervised(history):
        return None
    low = known.low_from(LOW)
    fine, coarse = curve(history, "train_loss", "step"), curve(history, "train_loss", "epoch")
    whole = fine if len(fine) > len(coarse) else coarse
    if low is None or len(whole) < 8 or known.restarts:
        return None
    begin, end = whole.steps[0], whole.steps[-1]
    spent = known.low_from(SPENT)
    if spent is not None and (end - spent) >= SPENT_REST * (end - begin):
        return _spent(whole, spent)
    before = _last_half(whole.between(known.warm_from, low))
    after = whole.between(low, end).thinned(30)
    if len(before) < 4 or len(after) < 6 or (end - low) < REST * (end - begin):
        return None
    fell, falls = change(before), pace(after)
    then, now = level(before.values[-max(2, len(before) // 3) :]), last(after).level
    slope_before = -fell.value / (before.steps[-1] - before.steps[0])
    slope_after = -falls.value / (after.steps[-1] - after.steps[0])
    if -fell.z < BEYOND_NOISE or slope_after > COLLAPSED * slope_before:
        return None
    if slope_before * (end - low) < 0.5 * now.value or now.value < max(LEFT * start(whole), KEPT * then.value):
        return None
    return Finding(
        symptom=DECAYS_TOO_EARLY.name,
        severity=DECAYS_TOO_EARLY.severity,
        evidence=(
            f"The learning rate is under {LOW:.0%} of its peak from step {low} on, for "
            f"{(end - low) / (end - begin):.0%} of the run. Before, the training loss fell by {slope_before:.2g} a "
            f"step; since then by {slope_after:.1g}, and it is {now.value:.4g} at the end."
        ),
        advice=DECAYS_TOO_EARLY.advice,
        confidence=surety(COLLAPSED * slope_before / max(slope_after, 1e-3 * slope_before)) * 0.95,
        first_step=low,
        details={"pace_before": slope_before, "pace_after": slope_after, "left": now.value},
    )


def _spent(whole: Curve, spent: int) -> Finding | None:
    """Nearly all of the run at next to no rate, with much of the loss left."""
    now, first = last(whole.thinned(30)).level, start(whole)
    if now.value < 2 * LEFT * first:
        return None
    share = (whole.steps[-1] - spent) / (whole.steps[-1] - whole.steps[0])
    return Finding(
        symptom=DECAYS_TOO_EARLY.name,
        severity=DECAYS_TOO_EARLY.severity,
        evidence=(
            f"The learning rate is under {SPENT:.0%} of its peak from step {spent} on, for {share:.0%} of the run, and "
            f"the training loss is still {now.value:.4g} of {first:.4g} at the end."
        ),
        advice=DECAYS_TOO_EARLY.advice,
        confidence=0.9,
        first_step=spent,
        details={"share": share, "left": now.value},
    )


def _last_half(part: Curve) -> Curve:
    """The second half, where it is long enough to have a slope; else all of it."""
    if len(part) < 8:
        return part
    middle = part.steps[0] + (part.steps[-1] - part.steps[0]) / 2
    return part.between(middle, part.steps[-1]).thinned(30)


DECAYS_TOO_EARLY = Symptom(
    name="decays-too-early",
    look=decays_too_early,
    needs=("train_loss", "lr"),
    measure="write the learning rate beside the loss",
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Begin to lower the rate where the loss has become flat, or stretch the schedule over the whole run.",
)
