"""Rows about what a program does: which details belong to each fact, so that a damaged row is told from a whole one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number_or_infinity(value: Any) -> bool:
    return isinstance(value, float) or _number(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(_count(one) for one in value)


_Needs = dict[str, Callable[[Any], bool]]

NEEDS: dict[str, _Needs] = {
    "clips-before-backward": {"limit": _number_or_infinity},
    "data-not-finite": {"rows": _counts, "count": _count, "dataset_rows": _counts},
    "decay-empties-weights": {"weight_decay": _number, "lr": _number},
    "evaluated-on-training-rows": {"rows": _count, "shared": _count, "train_rows": _count},
    "evaluates-in-train-mode": {"layers": _texts},
    "examples-mix": {"model": _text},
    "gradients-not-cleared": {"optimizer": _text},
    "loss-broadcasts": {"loss": _text, "outputs": _counts, "targets": _counts},
    "loss-is-a-sum": {"loss": _text, "rows": _count},
    "loss-not-made-for-this": {"why": _text, "loss": _text},
    "normalized-twice": {"operation": _text, "loss": _text},
    "optimizers-exchanged": {"optimizers": _texts, "shared": _count, "count": _count},
    "order-repeats": {"batches": _count},
    "output-cannot-reach": {"activation": _text, "loss": _text},
    "parameters-outside": {"parameters": _texts, "count": _count, "share": _number},
    "parameters-without-gradients": {"parameters": _texts, "count": _count, "cut": _text},
    "schedule-stepped-per-batch": {"scheduler": _text, "over_after": _count, "batches": _count},
    "sees-the-future": {"model": _text, "positions": _count, "of": _count},
    "statistics-stand-still": {"layer": _text},
    "steps-without-gradients": {"optimizer": _text, "order": _texts},
    "target-in-inputs": {"columns": _counts, "count": _count},
    "targets-come-sorted": {"rows": _count, "changes": _count, "expected": _count},
    "trains-in-eval-mode": {"layers": _texts, "since": _count},
    "units-alike": {"layers": _texts, "count": _count, "of": _count},
    "units-begin-alike": {"layers": _texts, "count": _count, "of": _count},
    "updates-along-gradient": {"optimizer": _text},
}
"""Details that each fact has, by its name, for whoever reads it; more may stand beside them."""

_TOGETHER = {"output-cannot-reach": ("least", "most"), "decay-empties-weights": ("life",)}
"""Numbers that a fact has all of, or none."""

_NOT_FINITE: dict[str, _Needs] = {
    "parameter": {"tensor": _text, "count": _count},
    "operation": {"operation": _text, "layer": _text, "why": _text},
}


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether a row beside the curves has what belongs to it: its step, and its layer's or its fact's name and details.

    >>> is_whole({"kind": "fact", "step": 3, "fact": "order-repeats", "batches": 20})
    True
    >>> is_whole({"kind": "fact", "step": 3, "fact": "order-repeats"})
    False
    """
    kind = row.get("kind", "epoch")
    if kind not in ("fact", "layer"):
        return True
    if not _number(row.get("step")) or not _text(row.get(kind)):
        return False
    if kind == "layer":
        return True
    fact = row["fact"]
    needs = _NOT_FINITE.get(str(row.get("where")), {"where": _never}) if fact == "not-finite" else NEEDS.get(fact, {})
    together = [row[name] for name in _TOGETHER.get(fact, ()) if name in row]
    numbers = len(together) in (0, len(_TOGETHER.get(fact, ()))) and all(_number(value) for value in together)
    return numbers and all(fits(row.get(name)) for name, fits in needs.items())


def _never(_: Any) -> bool:
    return False
