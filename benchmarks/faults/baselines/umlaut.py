"""Our re-implementation of UMLAUT's default rules, as far as they can be stated on our records.

Inputs outside [−1, 1] are not normalized; rates above 0.01 are too high, below 1e-7 too low; a validation loss that
rises while the training loss falls overfits; a validation accuracy above 95% is suspicious, and so is one above that of
the training. Rules that read a model's source (layers without activation, dropout rates) have nothing to read here.
Source: Schoop, Huang & Hartmann 2021, "UMLAUT: Debugging Deep Learning Programs using Program Structure and Model
Behavior".
"""

from __future__ import annotations

import itertools

from benchmarks.faults.baselines.reading import broken, by_step, inputs, values

from ravine.records.history import History


def look(history: History) -> list[str]:
    """Its messages."""
    found = []
    train, val = values(history, "train_loss"), values(history, "val_loss")
    if broken(train):
        found.append("loss is NaN")
    if any(value < -1 for value in inputs(history, "least")) or any(value > 1 for value in inputs(history, "most")):
        found.append("input not normalized")
    rates = by_step(history, "lr")
    if rates and max(rates) > 0.01:
        found.append("learning rate too high")
    if rates and max(rates) < 1e-7:
        found.append("learning rate too low")
    pairs = list(zip(train, val, strict=False))
    if any(now[0] < was[0] and now[1] > was[1] for was, now in itertools.pairwise(pairs[1:])):
        found.append("overfitting")
    scores, own = values(history, "val_accuracy"), values(history, "train_accuracy")
    if scores and max(scores) > 0.95:
        found.append("suspiciously good validation accuracy")
    if any(there > here for there, here in zip(scores[1:], own[1:], strict=False)):
        found.append("validation better than training")
    return found
