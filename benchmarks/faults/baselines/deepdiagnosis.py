"""Our re-implementation of DeepDiagnosis's default rules, as far as they can be stated on our records.

Eight symptoms: inputs outside [−1, 1] are out of range; 70% of units at zero, or 90% on the flat, are dead or
saturated; a weight that does not change is unchanged; a loss that does not fall, or an accuracy that does not rise,
from one epoch to the next three times in a row has stopped.
Source: Wardat, Cruz, Le & Rajan 2022, "DeepDiagnosis: Automatically Diagnosing Faults and Recommending Actionable Fixes
in Deep Learning Programs".
"""

from __future__ import annotations

import itertools

from benchmarks.faults.baselines.reading import broken, gradients, inputs, typical, updates, values

from ravine.records.history import History


def look(history: History) -> list[str]:
    """Its messages."""
    found = []
    losses, scores = values(history, "train_loss"), values(history, "train_accuracy")
    if broken(losses):
        found.append("exploding tensor")
    if any(len(ratios) > 2 and max(ratios) == 0 for ratios in updates(history).values()):
        found.append("unchanged weight")
    if any(share > 0.9 for share in typical(history, "saturated").values()):
        found.append("saturated activation")
    if any(share >= 0.7 for share in typical(history, "zeros").values()):
        found.append("dead node")
    if any(value < -1 for value in inputs(history, "least")) or any(value > 1 for value in inputs(history, "most")):
        found.append("out of range")
    if _stops([-loss for loss in losses]):
        found.append("loss not decreasing")
    if _stops(scores):
        found.append("accuracy not increasing")
    if any(norms and norms[0] < 1e-7 for norms in gradients(history)):
        found.append("vanishing gradient")
    return found


def _stops(rising: list[float]) -> bool:
    """Whether three epochs in a row bring nothing."""
    gains = [after > before for before, after in itertools.pairwise(rising)]
    return any(not any(gains[place : place + 3]) for place in range(len(gains) - 2))
