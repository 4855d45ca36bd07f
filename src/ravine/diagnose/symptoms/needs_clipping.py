"""This run needs clipping: now and then a gradient many times larger than the others throws it back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ravine.diagnose.exact import finding
from ravine.diagnose.noise import jitter, median
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History, Series

FEWEST = 25  # steps with a gradient norm
SPIKE = 20.0  # times the median of those before, of the norm
LOSS_SPIKE = 2.5  # times the median of those before, of the loss of one step, which is as low again after it
OVER_THE_FIRST = 1.5  # and times the first losses: a rare example that is wrong costs about as much as those
ALONE = 2.5  # times the largest of its neighbours that are no spikes: in heavy tails there are some in between
BEFORE = 30  # readings
FEWEST_BEFORE = 8
AFTER = 20  # steps
THROWN_BACK = 4.0  # rise of the median loss after the spike, in deviations from reading to reading before it
OF_THE_LOSS = 0.03  # and of the loss itself
OFTEN = 2  # such spikes that throw the loss back,
AGAIN = 3  # or so many in all, of the loss, or of the norm too where the method is adaptive: its steps stay short then
ADAPTIVE = ("Adam", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta")
RARE = 0.1  # of the steps: what is more frequent is no exception


def needs_clipping(history: History) -> Finding | None:
    """Spikes of the gradient norm that stand alone, and come again or leave the loss higher than it was.

    What it sees: gradient norms more than twenty times the median of those before them, and well above every other one
        nearby; where the norm is not written at every step, also single losses far above all others nearby and the
        first ones, as low again at the next step; and the median loss over some steps after each against that before
        it, in deviations from reading to reading; in a program that does not clip.
    Why it matters: one steep wall undoes hundreds of steps, and the next may end in NaN; an adaptive method remembers
        its height, and takes steps that are too short for hundreds more.
    Not to be mistaken for: large gradients of the first steps; the heavy tail of small batches, whose gradients are of
        all sizes; a single spike.
    What to do: clip the norm at the ninetieth percentile of what was measured.
    Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks".
    """
    norms, losses = history.series("grad_norm", "step"), history.series("train_loss", "step")
    if len(norms) < FEWEST or len(history.series("clipped", "step")):
        return None
    steep = _spikes(norms, SPIKE)
    high = {step: by for step, by in _spikes(losses, LOSS_SPIKE).items() if _stands_out(losses, step)}
    spikes = sorted(high | steep)
    thrown = [step for step in spikes if _thrown_back(losses, step, spikes)]
    remembered = spikes if str(history.about.get("optimizer", "")).startswith(ADAPTIVE) else high
    often = (steep and len(thrown) >= OFTEN) or len(remembered) >= AGAIN
    if not often or len(spikes) > RARE * len(losses):
        return None
    finite = sorted(value for value in norms.values if math.isfinite(value))
    limit = finite[int(0.9 * (len(finite) - 1))]
    kind, of_it = ("gradient norm", steep) if steep else ("loss", high)
    largest = max(of_it, key=lambda step: of_it[step])
    after = f"; after {len(thrown)} of them, first at {thrown[0]}, the loss stayed higher than before" if thrown else ""
    return finding(
        NEEDS_CLIPPING,
        f"At step {largest} the {kind} was {of_it[largest]:.3g} times that of the steps before. {len(spikes)} "
        f"steps stand out by their gradient or their loss{after}.",
        step=spikes[0],
        details={"steps": spikes[:20], "limit": limit},
        advice=(
            f"Put `torch.nn.utils.clip_grad_norm_(model.parameters(), {limit:.2g})` between `loss.backward()` and "
            "`optimizer.step()`."
        ),
        confidence=0.9 if thrown else 0.75,
    )


def _spikes(series: Series, times: float) -> dict[int, float]:
    """Steps whose value is so many times the median of those before, and alone; and how many times."""
    high = {}
    for place in range(FEWEST_BEFORE, len(series)):
        usual = median(series.values[max(0, place - BEFORE) : place])
        if usual > 0 and series.values[place] > times * usual:
            high[place] = series.values[place] / usual
    found = {}
    for place, by in high.items():
        nearby = range(max(0, place - BEFORE), min(len(series), place + BEFORE))
        others = [series.values[other] for other in nearby if other not in high]
        if others and series.values[place] > ALONE * max(others):
            found[series.steps[place]] = by
    return found


def _stands_out(losses: Series, step: int) -> bool:
    """Whether the loss is far above the first ones, and the next is down again by most of the way.

    Then it is the batch that was another, not yet the weights, and no mistake of the usual kind.
    """
    place = losses.steps.index(step)
    if place + 1 >= len(losses) or not losses.values[place + 1] < 0.5 * losses.values[place]:
        return False
    return losses.values[place] > OVER_THE_FIRST * median(losses.values[:3])


def _thrown_back(losses: Series, step: int, spikes: Sequence[int]) -> bool:
    """Whether the loss is higher after the step than before it, by more than it moves from reading to reading."""
    usual = [(at, value) for at, value in losses if at not in spikes and math.isfinite(value)]
    before = [value for at, value in usual if at < step][-BEFORE // 2 :]
    after = [value for at, value in usual if step < at <= step + AFTER]
    if len(before) < FEWEST_BEFORE or len(after) < 3:
        return False
    usual_before = median(before)
    noise = THROWN_BACK * jitter(before) / math.sqrt(len(after) / 2)
    return median(after) - usual_before > max(noise, OF_THE_LOSS * abs(usual_before))


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
