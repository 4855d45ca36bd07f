"""Choices that a recipe had before techniques had a table of their own: one of the two says what is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ravine.regularize.chosen import known_name


class Older(NamedTuple):
    """Where a recipe says the same thing in an older way."""

    table: str
    key: str
    nothing: Any  # the value with which the key does nothing
    unasked: Any = "auto"  # its value where nobody asked for anything


OLDER: Mapping[str, Older] = {
    "dropout": Older("model", "dropout", 0.0),
    "label_smoothing": Older("train", "label_smoothing", 0.0),
    "mixup": Older("train", "mixup", 0.0),
    "augment": Older("train", "augment", "none", "light"),
    "l2": Older("train", "weight_decay", 0.0),
    "elastic_net": Older("train", "weight_decay", 0.0),
}
"""By the name of the technique, with underscores."""


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
        older = OLDER.get(known_name(name).replace("-", "_"))
        below = out.get(older.table, {}) if older is not None else None
        if older is None or not isinstance(below, Mapping) or value is None or value is False:
            continue
        if below.get(older.key, older.unasked) in (older.unasked, older.nothing, None):
            out[older.table] = {**below, older.key: older.nothing}
        else:
            where = f"{older.table}.{older.key}"
            faults.append(f"regularize.{name} and {where} are the same technique; give one of the two.")
    return out, faults
