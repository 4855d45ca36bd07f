"""This run explodes: its gradient grows on the way back, or from step to step, beyond all measure."""

from __future__ import annotations

import math
import statistics

from ravine.diagnose.exact import finding, medians, weighted
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

RATIO = 1e3  # first layer over last
LARGE = 100.0  # of the first layer's gradient itself
GROWTH = 1e4  # of the whole gradient's norm, over the run
FEWEST_LAYERS = 3
FEWEST = 3  # samples
FEWEST_NORMS = 6


def explodes(history: History) -> Finding | None:
    """A gradient a thousand times larger at the first layer than at the last; or a norm that grows ten-thousandfold.

    What it sees: the median norm of the gradient of each layer's weight; the norm of the whole gradient, its last
        readings against its first.
    Why it matters: a rate that suits the last layers throws the first ones away, and the loss with them.
    Not to be mistaken for: a single spike; large gradients of the first steps that fall.
    What to do: clip the gradient norm, then initialize smaller or normalize.
    Source: Pascanu et al. 2013; Goodfellow et al. 2016, section 8.2.4.
    """
    found = medians(history, "grad_norm", fewest=FEWEST)
    layers = [name for name in weighted(history) if name in found]
    if len(layers) >= FEWEST_LAYERS:
        first, last = layers[0], layers[-1]
        if found[first] > max(LARGE, RATIO * found[last]):
            return finding(
                EXPLODES,
                f"The gradient's norm is {found[first]:.2g} at the first layer, {first}, and {found[last]:.2g} at the "
                f"last, {last}.",
                step=0,
                details={"norms": {name: found[name] for name in layers}},
                confidence=0.95,
            )
    norms = history.series("grad_norm", "step")
    finite = [(step, value) for step, value in norms if math.isfinite(value)]
    if len(finite) < FEWEST_NORMS:
        return None
    begin = statistics.median(value for _, value in finite[: max(3, len(finite) // 10)])
    end = statistics.median(value for _, value in finite[-3:])
    if begin <= 0 or end < max(LARGE, GROWTH * begin):
        return None
    step = next(step for step, value in finite if value > LARGE * begin)
    return finding(
        EXPLODES,
        f"The norm of the gradient grew from {begin:.2g} to {end:.2g}, and was a hundred times the first at step "
        f"{step}.",
        step=step,
        details={"first": begin, "last": end},
        confidence=0.9,
    )


EXPLODES = Symptom(
    name="explodes",
    look=explodes,
    needs=("grad_norm",),
    measure="write the gradient norm of every step",
    causes=(
        "starts-too-large", "ascends", "accumulates-gradients", "is-unscaled", "has-unscaled-targets",
        "sums-instead-of-means", "uses-wrong-loss", "diverges",
    ),
    tier=Tier.RATES,
    severity=Severity.ERROR,
    advice="Clip: `torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)` after `loss.backward()`.",
)  # fmt: skip
