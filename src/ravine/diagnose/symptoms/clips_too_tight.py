"""This run clips too tight: nearly every gradient is cut to a small part of itself."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding, where
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST = 30  # steps
NEARLY_ALL = 0.9  # of the steps
FAR_ABOVE = 20.0  # median of gradient norm over limit; a tenth of that is met in ordinary recipes


def clips_too_tight(history: History) -> Finding | Abstained | None:
    """A limit far below the gradient norm, step after step.

    What it sees: the share of steps that were clipped, and how many times the limit the norm was before.
    Why it matters: every step has the same tiny length whatever the gradient says: the limit has become the
        learning rate.
    Not to be mistaken for: clipping on 10 to 30 percent of the steps, and on all steps of the first hundreds at a few
        times the limit, as language models have it.
    What to do: a limit near the ninetieth percentile of the norms that were measured.
    Source: Pascanu et al. 2013; Zhang et al. 2020, "Why gradient clipping accelerates training".
    """
    clipped, norms = history.series("clipped", "step"), history.series("grad_norm", "step")
    if len(clipped) < FEWEST or len(norms) < FEWEST:
        return None
    share = statistics.fmean(clipped.values)
    if not share >= NEARLY_ALL:
        return None
    limit = history.about.get("clip_limit")
    if not isinstance(limit, int | float) or limit <= 0:
        return Abstained(
            symptom=CLIPS_TOO_TIGHT.name,
            why=f"{share:.0%} of the steps are clipped, and the limit is not written",
            measure="compare the limit with the gradient norm",
        )
    finite = sorted(value for value in norms.values if 0 < value < float("inf"))
    if not finite or statistics.median(finite) < FAR_ABOVE * limit:
        return None
    middle, high = statistics.median(finite), finite[int(0.9 * (len(finite) - 1))]
    return finding(
        CLIPS_TOO_TIGHT,
        f"Gradients are clipped to {limit:g}{where(history.about, key='clip_place')} at {share:.0%} of the steps; "
        "their "
        f"norm is {middle:.3g}, {middle / limit:,.0f} times that.",
        step=clipped.steps[0],
        details={"limit": limit, "share": share, "norm": middle},
        advice=f"{CLIPS_TOO_TIGHT.advice} Here: {high:.2g}.",
        confidence=0.98,
    )


CLIPS_TOO_TIGHT = Symptom(
    name="clips-too-tight",
    look=clips_too_tight,
    needs=("clipped", "grad_norm"),
    measure="write the gradient norm before clipping, and at which steps it was clipped",
    tier=Tier.RATES,
    severity=Severity.ERROR,
    advice="Raise the limit to about the ninetieth percentile of the gradient norm.",
)
