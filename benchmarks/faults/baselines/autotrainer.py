"""Our re-implementation of AutoTrainer's default rules, as far as they can be stated on our records.

Five problems: a first gradient under 1e-3 of the last, and under 1e-4, vanishes; one of 70 times the last explodes;
70% of units at zero die; a change of direction by more than 3% in 20% of the epochs oscillates; a first accuracy gain
under 1% is slow. Dying units are judged by zeros, where the tool takes gradients at zero.
Source: Zhang et al. 2021, "AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair System".
"""

from __future__ import annotations

import math

from benchmarks.faults.baselines.reading import broken, gradients, typical, values

from ravine.records.history import History


def look(history: History) -> list[str]:
    """Its messages."""
    found = []
    steps = [norms for norms in gradients(history) if len(norms) > 1]
    losses = values(history, "train_loss")
    ratios = [norms[0] / norms[-1] for norms in steps if norms[-1] > 0 and math.isfinite(norms[0])]
    if broken(losses) or any(broken(norms) for norms in steps) or any(ratio > 70 for ratio in ratios):
        found.append("exploding gradient")
    if any(norms[-1] > 0 and norms[0] < 1e-3 * norms[-1] and norms[0] < 1e-4 for norms in steps):
        found.append("vanishing gradient")
    if any(share >= 0.7 for share in typical(history, "zeros").values()):
        found.append("dying ReLU")
    turns = sum(
        (after - here) * (here - before) < 0 and abs(after - here) > 0.03 * abs(here)
        for before, here, after in zip(losses, losses[1:], losses[2:], strict=False)
    )
    if len(losses) > 2 and turns / len(losses) >= 0.2:
        found.append("oscillating loss")
    scores = values(history, "train_accuracy")
    if len(scores) > 2 and max(scores) < 0.6 and max(scores[:3]) - scores[0] < 0.01:
        found.append("slow convergence")
    return found
