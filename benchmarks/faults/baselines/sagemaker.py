"""Our re-implementation of SageMaker Debugger's built-in rules at their defaults, as far as our records allow.

Gradients under 1e-7 vanish; more than half of a layer's units at zero for every row is a dead ReLU; the loss must
fall by 0.1% within ten steps; validation above training by 10% overfits; five evaluations without gain are
overtraining; an update of more than 10 times the weight, or less than 1e-8, is out of ratio; ten times as many rows of
one class as of another are imbalance.
Source: Amazon SageMaker documentation, "List of Debugger built-in rules".
"""

from __future__ import annotations

import itertools
import math

from benchmarks.faults.baselines.reading import broken, by_step, typical, updates, values

from ravine.diagnose.known import label_counts
from ravine.records.history import History


def look(history: History) -> list[str]:
    """Its messages."""
    found = []
    losses = by_step(history, "train_loss")
    if broken(losses):
        found.append("ExplodingTensor")
    if any(norm < 1e-7 for norm in typical(history, "grad_norm").values()):
        found.append("VanishingGradient")
    if any(share > 0.5 for share in typical(history, "silent").values()):
        found.append("DeadRelu")
    if any(share > 0.5 for share in typical(history, "saturated").values()):
        found.append("SaturatedActivation")
    if any(_flat(losses[place : place + 11]) for place in range(0, len(losses) - 10, 10)):
        found.append("LossNotDecreasing")
    val, train = values(history, "val_loss"), values(history, "train_loss")
    if any(there > here > 0 and (there - here) / here > 0.1 for here, there in zip(train, val, strict=False)):
        found.append("Overfit")
    if _idle(val) >= 5:
        found.append("Overtraining")
    ratios = updates(history)
    if any(ratio > 10 or ratio < 1e-8 for ratio in itertools.chain(*ratios.values())):
        found.append("WeightUpdateRatio")
    if any(len(moved) > 2 and max(moved) == 0 for moved in ratios.values()):
        found.append("UnchangedTensor")
    counts = label_counts(history)
    if counts and min(counts) * 10 <= max(counts):
        found.append("ClassImbalance")
    return found


def _flat(losses: list[float]) -> bool:
    """Whether ten steps take less than a thousandth off."""
    return losses[-1] > losses[0] * (1 - 1e-3) if losses[0] > 0 else False


def _idle(val: list[float]) -> int:
    """Most evaluations in a row without gain."""
    best, idle, most = math.inf, 0, 0
    for value in val:
        idle = 0 if value < best else idle + 1
        best, most = min(best, value), max(most, idle)
    return most
