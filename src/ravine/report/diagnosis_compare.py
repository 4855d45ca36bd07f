"""Several runs beside each other: the best and the last value of the curves they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ravine.diagnose.known import higher_is_better
from ravine.records.history import History, Series
from ravine.report.numbers import label

_MOST_CURVES = 6
_FIRST = ("val_loss", "val_accuracy", "train_loss", "train_accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run in one curve; values are None where no value is finite.

    Attributes:
        run: Its name.
        best: The best finite value, `best_step` the step of it.
        last: The last value, which may be no number.
        difference: Of the best value from the first run's.
    """

    run: str
    best: float | None
    best_step: int | None
    last: float | None
    difference: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One curve in all runs that have it."""

    name: str
    higher_is_better: bool
    entries: tuple[Entry, ...]

    def to_json(self) -> dict[str, Any]:
        """This comparison in JSON's own types."""
        return asdict(self)


def compared(histories: Sequence[History]) -> list[Compared]:
    """The curves that at least two runs have: losses and metrics, validation first."""
    names = run_names(histories)
    found: list[Compared] = []
    for name in _shared(histories):
        up = bool(higher_is_better(name.partition("_")[2], histories[0]))
        entries: list[Entry] = []
        for run, history in zip(names, histories, strict=True):
            series = finest(history, name)
            if len(series):
                entries.append(_entry(run, series, up=up, first=entries[0] if entries else None))
        found.append(Compared(name, up, tuple(entries)))
    return found


def run_names(histories: Sequence[History]) -> list[str]:
    """The shortest names that tell runs apart: their files', with as many folders as it takes."""
    paths = [Path(history.source).parts for history in histories]
    for parts in range(1, max(map(len, paths), default=1) + 1):
        names = ["/".join(path[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{history.source} ({number})" for number, history in enumerate(histories, start=1)]


def finest(history: History, name: str) -> Series:
    """The curve after epochs or evaluations, else by the step."""
    series = history.series(name)
    return series if len(series) else history.series(name, "step")


def _shared(histories: Sequence[History]) -> list[str]:
    held = [{*history.names("epoch"), *history.names("step")} for history in histories]
    everything = [name for history in histories for kind in ("epoch", "step") for name in history.names(kind)]
    scores = [name for name in dict.fromkeys(everything) if name.startswith(("val_", "train_"))]
    scores.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name.startswith("train_")))
    return [name for name in scores if sum(name in names for names in held) > 1][:_MOST_CURVES]


def _entry(run: str, series: Series, *, up: bool, first: Entry | None) -> Entry:
    last = series.values[-1]
    if not any(map(math.isfinite, series.values)):
        return Entry(run=run, best=None, best_step=None, last=last)
    step, best = series.best(up)
    difference = None if first is None or first.best is None else best - first.best
    return Entry(run=run, best=best, best_step=step, last=last, difference=difference)


def curve_label(name: str) -> str:
    """A curve's name for people.

    >>> curve_label("val_loss"), curve_label("grad_norm")
    ('validation loss', 'gradient norm')
    """
    return {"grad_norm": "gradient norm"}.get(name, label(name))
