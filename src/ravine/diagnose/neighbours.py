"""What the data themselves tell, as far as rows that are alike have the same label: the row of kind "neighbours"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ravine.diagnose.noise import Estimate
from ravine.records.history import History


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How well nearest rows tell labels; each a skill: 0 for a guess, 1 for no mistake.

    Of classes it is Cohen's kappa, of values the share of variance explained, of tokens the share of examples whose
    targets are the input moved on by one place.

    Attributes:
        of: "classes", "values" or "tokens".
        step: When it was asked.
        train: Among rows of training, as the network is given them.
        before: The same as they were loaded, before the program changed them; `train` where it does not, that is not
            known, or neighbours know less of them, as where a batch is loaded before the last one's loss.
        val: Among rows of the evaluation; None where there was none.
        across: Of rows of the evaluation by those of training: the best of the nearest, of five and of class means.
        changed: Mean square of what the program adds to rows of training over their variance; None where not known.
    """

    of: str
    step: int
    train: Estimate
    before: Estimate
    val: Estimate | None
    across: Estimate | None
    changed: float | None


ALIGNED = 0.5
"""Of what neighbours say of the evaluation: under it, most labels of the training are not those of their rows."""
IN_ORDER = 0.75
"""The same of tokens, whose targets are either the next ones or not."""
SURE = 3.0  # standard errors
NEARLY = 2.0  # where the network, too, does not come to know what it is trained on


def misaligned(said: Neighbours, *, unlearned: bool = False) -> bool | None:
    """Whether the labels of the training belong to other rows than theirs, by those of the evaluation, which do not.

    None where that cannot be told: no evaluation, or one of whose labels neighbours know as little.

    Args:
        said: What neighbours say.
        unlearned: Whether the network knows less than half of the training of what it knows of validation.
    """
    if said.val is None:
        return None
    part = IN_ORDER if said.of == "tokens" else ALIGNED
    less = Estimate(part * said.val.value, part * said.val.error) - said.before
    if less.z >= SURE or (unlearned and less.z >= NEARLY <= said.val.z):
        return True
    return False if less.z < -1 else None


def neighbours(history: History) -> Neighbours | None:
    """What neighbours say; None where they were not asked, or it makes no sense."""
    for row in history.of_kind("neighbours"):
        of, rows, asked = row.get("of"), _number(row, "train_rows"), _number(row, "val_rows")
        if rows is None or rows < 1 or of not in ("classes", "values", "tokens"):
            continue
        if of == "tokens":
            train, val, across = _share(row, "train_shifted", rows), _share(row, "val_shifted", asked), None
            before = train
        else:
            train, val = _skill(row, "train_five", rows), _skill(row, "val_five", asked)
            before = _skill(row, "loaded_five", rows)
            if before is None or (train is not None and train.value > before.value):  # a batch that was loaded ahead
                before = train
            ways = [_skill(row, f"across_{how}", asked) for how in ("first", "five", "mean")]
            across = max((way for way in ways if way is not None), key=lambda way: way.value, default=None)
        if train is not None and before is not None:
            return Neighbours(of, int(row["step"]), train, before, val, across, _number(row, "changed"))
    return None


def _skill(row: Mapping[str, Any], name: str, rows: float | None) -> Estimate | None:
    found, chance = _number(row, name), _number(row, f"{name}_chance")
    if found is None or not rows:
        return None
    if row["of"] == "values":
        return Estimate(found, 1 / math.sqrt(rows))
    if chance is None or not 0 <= chance < 1 or not 0 <= found <= 1:
        return None
    share = _share(row, name, rows)
    return None if share is None else Estimate((found - chance) / (1 - chance), share.error / (1 - chance))


def _share(row: Mapping[str, Any], name: str, rows: float | None) -> Estimate | None:
    """A share of so many rows, with an error that is never none."""
    found = _number(row, name)
    if found is None or not rows or not 0 <= found <= 1:
        return None
    near = (found * rows + 1) / (rows + 2)
    return Estimate(found, math.sqrt(near * (1 - near) / rows))


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)
