"""This run needs clipping: now and then a gradient many times larger than the others throws it back."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History, Series

FEWEST = 60  # steps with a gradient norm
SPIKE = 20.0  # times the median of the fifty before
WINDOW = 50
THROWN_BACK = 6.0  # rise of the loss within a few steps, in its deviations before
AFTER = 5
OFTEN = 2


def needs_clipping(history: History) -> Finding | None:
    """Spikes of the gradient norm, each followed by a jump of the loss.

    What it sees: gradient norms more than twenty times the median of the fifty before them, and the training loss in
        the five readings after each, against its level and deviation in those before; in a program that does not
        clip.
    Why it matters: one steep wall undoes hundreds of steps, and the next may end in NaN.
    Not to be mistaken for: large gradients of the first steps; noise of small batches, which no jump follows.
    What to do: clip the norm at the ninetieth percentile of what was measured.
    Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks".
    """
    norms, losses = history.series("grad_norm", "step"), history.series("train_loss", "step")
    if len(norms) < FEWEST or len(history.series("clipped", "step")):
        return None
    thrown: list[tuple[int, float]] = []
    for place in range(WINDOW, len(norms)):
        usual = statistics.median(norms.values[place - WINDOW : place])
        if usual > 0 and norms.values[place] > SPIKE * usual and _thrown_back(losses, norms.steps[place]):
            thrown.append((norms.steps[place], norms.values[place] / usual))
    if len(thrown) < OFTEN:
        return None
    finite = sorted(value for value in norms.values if value < float("inf"))
    limit = finite[int(0.9 * (len(finite) - 1))]
    return finding(
        NEEDS_CLIPPING,
        f"At {len(thrown)} steps, first at {thrown[0][0]}, the gradient norm was up to "
        f"{max(times for _, times in thrown):.0f} times that of the steps before, and the loss jumped after it.",
        step=thrown[0][0],
        details={"steps": [step for step, _ in thrown[:20]], "limit": limit},
        advice=(
            f"Put `torch.nn.utils.clip_grad_norm_(model.parameters(), {limit:.2g})` between `loss.backward()` and "
            "`optimizer.step()`."
        ),
        confidence=0.9,
    )


def _thrown_back(losses: Series, step: int) -> bool:
    points = list(losses)
    before = [value for at, value in points if step - WINDOW <= at <= step]
    after = [value for at, value in points if step < at <= step + AFTER]
    if len(before) < WINDOW // 2 or not after:
        return False
    return max(after) > statistics.median(before) + THROWN_BACK * max(statistics.pstdev(before), 1e-12)


NEEDS_CLIPPING = Symptom(
    name="needs-clipping",
    look=needs_clipping,
    needs=("grad_norm", "train_loss"),
    measure="write the gradient norm of every step",
    causes=("explodes", "ascends", "accumulates-gradients", "has-nan-in-data", "starts-too-large"),
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Clip the gradient norm at about the ninetieth percentile of those measured.",
)
