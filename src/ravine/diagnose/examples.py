"""Single examples of a classification over a stretch of a training: shares with intervals, and by class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ravine.diagnose.known import accuracy
from ravine.diagnose.noise import Estimate, of_share
from ravine.records.history import History

SHARES = ("right", "sure", "certain", "contradicted", "far")
NEIGHBOURS = 2  # evaluations on each side of the best one
AS_GOOD = 1.3  # times its loss: those of a network that knew much less are not of the same mistakes


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the examples of one part over some steps.

    Attributes:
        rows: How many examples: of evaluations those of one, since the same come again.
        shares: Of all of them, by name: see `History` on rows of kind "examples".
        loss: Their mean loss.
        first_step: Of the stretch.
        last_step: The same.
    """

    rows: int
    shares: Mapping[str, float]
    loss: float
    first_step: int
    last_step: int

    @property
    def wrong(self) -> float:
        """How many examples are wrong."""
        return self.rows * (1 - self.shares["right"])

    def share(self, name: str) -> Estimate:
        """A share and its standard error, from the number of examples."""
        return Estimate(self.shares[name], of_share(self.shares[name], self.rows) / 1.96)

    def far_of_wrong(self) -> Estimate | None:
        """Of the examples that are wrong, the share whose target is in the less probable half of the classes.

        A label drawn at random is there for half of them and a little more; what a network confuses, it ranks near the
        top. None where too few are wrong, or the classes are too few to have such halves.
        """
        if "far" not in self.shares or self.wrong < 1:
            return None
        share = min(1.0, self.shares["far"] / (1 - self.shares["right"]))
        return Estimate(share, of_share(share, int(self.wrong)) / 1.96)


def seen(history: History, part: str, first: int = 0, last: float = math.inf) -> Seen | None:
    """The examples of one part, "train", "val" or "test", from step `first` to `last`; None where there are none."""
    rows = [row for row in _rows(history, part) if first <= row["step"] <= last]
    total = sum(row["rows"] for row in rows)
    if not rows:
        return None
    names = [name for name in SHARES if all(name in row for row in rows)]
    return Seen(
        rows=int(total if part == "train" else max(row["rows"] for row in rows)),
        shares={name: sum(row["rows"] * row[name] for row in rows) / total for name in names},
        loss=sum(row["rows"] * row["loss"] for row in rows) / total,
        first_step=int(rows[0]["step"]),
        last_step=int(rows[-1]["step"]),
    )


def best_evaluations(history: History) -> Seen | None:
    """The validation's examples around its lowest loss, where it was about as low; None where there are none."""
    rows = _rows(history, "val")
    if not rows:
        return None
    best = min(range(len(rows)), key=lambda place: sum(_of(rows, place, 1)) / len(_of(rows, place, 1)))
    first = last = best
    while first > max(0, best - NEIGHBOURS) and rows[first - 1]["loss"] < AS_GOOD * rows[best]["loss"]:
        first -= 1
    while last < min(len(rows) - 1, best + NEIGHBOURS) and rows[last + 1]["loss"] < AS_GOOD * rows[best]["loss"]:
        last += 1
    around = rows[first : last + 1]
    return seen(history, "val", int(around[0]["step"]), around[-1]["step"])


def unwatched(history: History) -> bool:
    """Whether single examples of a classification, as its accuracy shows, were not looked at."""
    return accuracy(history) is not None and not any(True for _ in history.of_kind("examples"))


@dataclass(frozen=True, slots=True)
class Recalls:
    """Right answers by class, towards the end of a training.

    Attributes:
        rows: Examples of each class in one evaluation.
        right: Of those, right ones, as means over evaluations.
    """

    rows: tuple[float, ...]
    right: tuple[float, ...]

    @property
    def largest(self) -> float:
        """The share of the largest class."""
        return max(self.rows) / sum(self.rows)

    def of(self, classes: list[int]) -> Estimate | None:
        """The recall of some classes together, with its standard error; None where no example is of them."""
        rows = sum(self.rows[place] for place in classes)
        if rows < 1:
            return None
        share = min(1.0, sum(self.right[place] for place in classes) / rows)
        return Estimate(share, of_share(share, int(rows)) / 1.96)


def recalls(history: History) -> Recalls | None:
    """Right answers by class in the last third of the evaluations; None where classes were not counted."""
    counted = [
        (rows, right)
        for row in history.of_kind("examples")
        if row.get("part") == "val"
        and (rows := _counts(row.get("class_rows")))
        and len(right := _counts(row.get("class_right"))) == len(rows)
    ]
    last = [pair for pair in counted[-max(1, len(counted) // 3) :] if len(pair[0]) == len(counted[-1][0])]
    if not last or not any(last[0][0]):
        return None
    rows, right = ([sum(column) / len(last) for column in zip(*part, strict=True)] for part in zip(*last, strict=True))
    return Recalls(tuple(rows), tuple(right))


def _rows(history: History, part: str) -> list[dict[str, float]]:
    """Those whose numbers are numbers, in order."""
    found = []
    for row in history.of_kind("examples"):
        numbers = {name: float(value) for name, value in row.items() if _is_finite(value)}
        shares = all(0 <= numbers[name] <= 1 for name in SHARES if name in numbers)
        needed = {"step", "rows", "right", "loss"} <= set(numbers)
        if row.get("part") == part and needed and shares and numbers["rows"] >= 1:
            found.append(numbers)
    return sorted(found, key=lambda numbers: numbers["step"])


def _of(rows: list[dict[str, float]], place: int, each_side: int) -> list[float]:
    return [row["loss"] for row in rows[max(0, place - each_side) : place + each_side + 1]]


def _counts(values: Any) -> list[float]:
    if not isinstance(values, list) or not all(_is_finite(value) and value >= 0 for value in values):
        return []
    return [float(value) for value in values]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
