"""From facts about what a program does to findings: nothing to estimate, only to say."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

from ravine.diagnose.symptom import Symptom
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

WATCH = "run it as `ravine watch train.py`"
NORMS = ("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm")


def first_fact(history: History, *names: str) -> dict[str, Any] | None:
    """The earliest fact with one of these names; None when there is none."""
    facts = [fact for name in names for fact in history.facts(name)]
    return min(facts, key=lambda fact: fact["step"], default=None)


def finding(
    symptom: Symptom,
    evidence: str,
    *,
    step: int | None,
    details: Mapping[str, Any],
    advice: str = "",
    confidence: float = 1.0,
    severity: Severity | None = None,
) -> Finding:
    """A finding of `symptom`, with its own advice unless another is given."""
    return Finding(
        symptom=symptom.name,
        severity=severity or symptom.severity,
        evidence=evidence,
        advice=advice or symptom.advice,
        confidence=confidence,
        first_step=step,
        details=dict(details),
    )


def told(symptom: Symptom, fact: Mapping[str, Any], evidence: str, advice: str = "", **how: Any) -> Finding:
    """The finding that a fact is."""
    details = {key: value for key, value in fact.items() if key not in ("kind", "step", "fact")}
    return finding(symptom, evidence, step=int(fact["step"]), details=details, advice=advice, **how)


def where(fact: Mapping[str, Any], word: str = "at", key: str = "place") -> str:
    """The words " at train.py:31"; "" when the place is not known.

    >>> where({"place": "train.py:31"}), where({})
    (' at train.py:31', '')
    """
    place = fact.get(key)
    return f" {word} {place}" if place else ""


def listed(names: list[Any], count: int | None = None) -> str:
    """Names in words, and how many more there are.

    >>> listed(["a", "b"], 5), listed(["a", "b"])
    ('a, b and 3 more', 'a and b')
    """
    words = [str(name) for name in names]
    more = (count or len(words)) - len(words)
    if more > 0:
        return f"{', '.join(words)} and {more} more"
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def part_of(history: History, part: str, *names: str) -> list[dict[str, float]]:
    """What was measured of `names` in batches of one part, "train" or "val", with `step`, where all are finite."""
    rows = []
    for row in history.of_kind("input"):
        if row.get("part", "train") == part:
            values = {name: row.get(name) for name in ("step", *names)}
            if all(isinstance(value, int | float) and math.isfinite(value) for value in values.values()):
                rows.append({name: float(value) for name, value in values.items() if value is not None})
    return rows


def medians(history: History, quantity: str, *, since: int = 0, fewest: int = 1) -> dict[str, float]:
    """The median of what was measured of `quantity` in each layer from step `since` on."""
    found = {}
    for layer, series in history.layers(quantity).items():
        values = [value for step, value in series if step >= since and math.isfinite(value)]
        if len(values) >= fewest:
            found[layer] = statistics.median(values)
    return found


def updates(history: History) -> list[float]:
    """How far each layer moves in a step, as a share of its weights: the median of those looked at."""
    norms, found = history.layers("weight_norm"), []
    for layer, series in history.layers("update_norm").items():
        weights = dict(norms.get(layer, ()))
        shares = [move / weights[step] for step, move in series if weights.get(step, 0) > 0 and math.isfinite(move)]
        if shares:  # none of a layer that is all zeros
            found.append(statistics.median(shares))
    return found


def kinds(history: History) -> dict[str, str]:
    """The type of each layer."""
    return {row["layer"]: str(row.get("type", "")) for row in history.of_kind("layer")}


def depths(history: History) -> dict[str, float]:
    """The place of each layer in the order of the forward pass."""
    rows = (row for row in history.of_kind("layer") if isinstance(row.get("depth"), int | float))
    return {row["layer"]: float(row["depth"]) for row in rows}


def weighted(history: History) -> list[str]:
    """Layers that multiply by a matrix, in the order of the forward pass; lookups and normalizations left out."""
    types = kinds(history)
    return [
        name
        for name in history.layers("weight_norm")
        if "Norm" not in types[name] and not types[name].startswith("Embedding")
    ]


def normalizes(history: History) -> bool:
    """Whether there is a normalization for every two layers, at least."""
    norms = sum("Norm" in kind for kind in kinds(history).values())
    return 2 * norms >= len(weighted(history)) > 0
