"""Choices that a recipe had before techniques had a table of their own: one of the two says what is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ravine.regularize.chosen import known_name

OLDER: Mapping[str, tuple[str, str, Any]] = {
    "dropout": ("model", "dropout", 0.0),
    "label-smoothing": ("train", "label_smoothing", 0.0),
    "mixup": ("train", "mixup", 0.0),
    "augment": ("train", "augment", "none"),
    "l2": ("train", "weight_decay", 0.0),
    "elastic-net": ("train", "weight_decay", 0.0),
}
"""Technique → table and key of the same thing, and the value with which the key does nothing."""


def silenced(tables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Recipe tables in which an older key does nothing where [regularize] has its technique; and the faults.

    >>> silenced({"regularize": {"mixup": 0.2}})
    ({'regularize': {'mixup': 0.2}, 'train': {'mixup': 0.0}}, [])
    >>> silenced({"regularize": {"mixup": 0.2}, "train": {"mixup": 0.1}})[1]
    ['regularize.mixup and train.mixup are the same technique; give one of the two.']
    """
    out = dict(tables)
    faults: list[str] = []
    asked = tables.get("regularize")
    for name, value in asked.items() if isinstance(asked, Mapping) else ():
        place = OLDER.get(known_name(name))
        if place is None or value is None or value is False:
            continue
        table, key, nothing = place
        below = out.get(table, {})
        if not isinstance(below, Mapping):
            continue
        if below.get(key, "auto") not in ("auto", nothing, None):
            faults.append(f"regularize.{name} and {table}.{key} are the same technique; give one of the two.")
        else:
            out[table] = {**below, key: nothing}
    return out, faults
