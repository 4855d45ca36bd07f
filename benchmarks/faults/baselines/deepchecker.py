"""Our re-implementation of TheDeepChecker's default rules, as far as they can be stated on our records.

The first loss is to be ln C within a tenth; inputs are to have mean 0 and deviation 1, or lie in [0, 1] or [−1, 1];
updates are to lie between 1e-4 and 1e-1 of the weights; half of a layer's units dead or saturated are too many;
gradients that shrink or grow a thousandfold through the layers are unstable. Its probes (fitting one batch, equivalent
inputs) are not run.
Source: Ben Braiek & Khomh 2023, "Testing Feedforward Neural Networks Training Programs".
"""

from __future__ import annotations

import math
from statistics import fmean, median

from benchmarks.faults.baselines.reading import broken, by_step, gradients, inputs, typical, updates

from ravine.diagnose.known import guess_loss
from ravine.records.history import History


def look(history: History) -> list[str]:
    """Its messages."""
    found = []
    losses = by_step(history, "train_loss")
    guess = guess_loss(history)
    if losses and guess and not abs(losses[0] - guess) <= 0.1 * guess:
        found.append("first loss")
    if broken(losses):
        found.append("not finite")
    means, spreads = inputs(history, "mean"), inputs(history, "std")
    least, most = inputs(history, "least"), inputs(history, "most")
    if means:
        standard = abs(fmean(means)) < 0.1 and abs(fmean(spreads) - 1) < 0.1
        if not standard and not (min(least) >= -1 and max(most) <= 1):
            found.append("inputs not standardized")
    if any(True for _ in history.facts("units-alike")):
        found.append("symmetric weights")
    if any(share >= 0.5 for share in typical(history, "silent").values()):
        found.append("dead units")
    if any(share >= 0.5 for share in typical(history, "saturated").values()):
        found.append("saturated units")
    sizes = [median(ratios) for ratios in updates(history).values() if ratios]
    if any(size < 1e-4 for size in sizes):
        found.append("updates too small")
    if any(size > 1e-1 for size in sizes):
        found.append("updates too large")
    steps = [norms for norms in gradients(history) if len(norms) > 1 and min(norms) > 0 and not broken(norms)]
    growth = median([norms[0] / norms[-1] for norms in steps]) if steps else 1.0
    if growth < 1e-3:
        found.append("vanishing gradient")
    if growth > 1e3:
        found.append("exploding gradient")
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) > 20:
        first, last = fmean(finite[: len(finite) // 10]), fmean(finite[-(len(finite) // 10) :])
        if last > 2 * first > 0:
            found.append("loss diverges")
        elif last > 0.99 * first:
            found.append("loss not decreasing")
        turns = [(b - a) * (c - b) < 0 for a, b, c in zip(finite, finite[1:], finite[2:], strict=False)]
        if fmean(turns) > 0.5:
            found.append("loss fluctuates")
    return found
