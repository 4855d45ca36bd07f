"""What the rules of other tools ask of a record."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ravine.records.history import History


def values(history: History, name: str) -> list[float]:
    """A curve at the density at which it is there: by the epoch where it is, else by the step."""
    return list(history.series(name).values or history.series(name, "step").values)


def by_step(history: History, name: str) -> list[float]:
    """A curve by the step."""
    return list(history.series(name, "step").values)


def gradients(history: History) -> list[list[float]]:
    """Gradient norms at each sampled step, in the order of the layers."""
    return _at_each_step(history, "grad_norm")


def updates(history: History) -> dict[str, list[float]]:
    """Norm of the update over that of the weight, by layer."""
    sizes, moved = history.layers("weight_norm"), history.layers("update_norm")
    found = {}
    for layer, series in moved.items():
        weight = dict(sizes[layer]) if layer in sizes else {}
        found[layer] = [update / weight[step] for step, update in series if weight.get(step, 0) > 0]
    return found


def typical(history: History, quantity: str) -> dict[str, float]:
    """The middle of what was measured in each layer."""
    found = {}
    for layer, series in history.layers(quantity).items():
        finite = sorted(value for value in series.values if math.isfinite(value))
        if finite:
            found[layer] = finite[len(finite) // 2]
    return found


def inputs(history: History, name: str) -> list[float]:
    """A statistic of training inputs."""
    rows = (row for row in history.of_kind("input") if row.get("part") == "train")
    return [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]


def broken(curve: Sequence[float]) -> bool:
    """Whether a value is no number."""
    return not all(map(math.isfinite, curve))


def _at_each_step(history: History, quantity: str) -> list[list[float]]:
    found: dict[int, list[float]] = {}
    for series in history.layers(quantity).values():
        for step, value in series:
            found.setdefault(step, []).append(value)
    return [found[step] for step in sorted(found)]
