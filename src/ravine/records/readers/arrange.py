"""From the columns of a log to a history: curves under our names, over steps, at two densities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ravine.core.errors import BadData
from ravine.records.history import History, Mapped
from ravine.records.readers.log import Curve, Log
from ravine.records.readers.names import INSTEAD_OF_A_LOSS, SHARES, TEST, TRAIN, VAL, Meaning, meaning
from ravine.records.readers.order import measured, order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ravine.records.columns import Points

_HUGE = 2.0**53
_DENSER = 1.5  # times as many values as evaluations: a curve written more often than the model was evaluated
_MOST_NAMED = 12


@dataclass(slots=True)
class _Placed:
    """A curve on its way: its meaning, its integer steps, and what was done with it."""

    curve: Curve
    means: Meaning
    name: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    epochs: NDArray[np.float64] | None
    how: list[str]
    kind: str = "epoch"

    @property
    def is_score(self) -> bool:
        """Whether it is a loss or a metric: what cannot be 0 where it was not measured."""
        return bool(self.means.part) or (self.means.known and self.name not in ("lr", "grad_norm", "seconds"))


def arranged(log: Log, source: str) -> History:
    """The history of a log's columns.

    Raises:
        BadData: There is no loss and no metric among them.
    """
    log.curves = [curve for curve in log.curves if len(curve.values)]
    meanings = _meanings(log)
    if not any(_tells(m) for m in meanings):
        raise BadData(_nothing_told(log, source))
    unit = _unit(log.curves)
    notes = [*log.notes]
    placed, resumed = _in_order(log.curves, meanings, unit, notes)
    _as_shares(placed)
    placed = _named_apart(placed)
    _kinds(placed, unit)
    columns: dict[str, dict[str, Points]] = {"epoch": {}, "step": {}}
    for one in placed:
        columns[one.kind][one.name] = (one.steps, one.values)
    _add_means(columns, placed, running=log.running)
    pace = _add_epochs(columns, placed)
    history = History.of_columns(columns, [_about(log, unit, pace, resumed=resumed)], source)
    history.mapping = _mapping(log, placed)
    history.notes = tuple(dict.fromkeys(notes))
    return history


def _meanings(log: Log) -> list[Meaning]:
    """What each curve's name says, helped by the other names of the same log.

    Where no part is called validation, the test part serves as it; a metric that names no part, beside losses that name
    both, is the validation part's; and where no loss is named, an error is it.
    """
    meanings = [meaning(curve.name) for curve in log.curves]
    if not any(m.part == VAL for m in meanings):
        several = {m for curve, m in zip(log.curves, meanings, strict=True) if len(curve.values) > 1}
        meanings = [replace(m, part=VAL) if m.part == TEST and m in several else m for m in meanings]
    taken = {m.metric for m in meanings if m.part == VAL}
    if {m.part for m in meanings if m.metric == "loss"} == {TRAIN, VAL}:
        meanings = [replace(m, part=VAL) if _is_bare_score(m) and m.metric not in taken else m for m in meanings]
    if not any(m.metric == "loss" for m in meanings):
        metric = next((metric for metric in INSTEAD_OF_A_LOSS if any(m.metric == metric for m in meanings)), None)
        meanings = [replace(m, metric="loss") if m.metric == metric else m for m in meanings]
    return meanings


def _is_bare_score(means: Meaning) -> bool:
    return means.known and not means.part and means.metric in SHARES | {"r2", *INSTEAD_OF_A_LOSS}


def _tells(means: Meaning) -> bool:
    """Whether a curve says how good the model is."""
    return "loss" in means.metric or (means.known and means.name not in ("lr", "grad_norm", "seconds", "batch_size"))


def _nothing_told(log: Log, source: str) -> str:
    names = [*dict.fromkeys([*(curve.name for curve in log.curves), *log.left])]
    shown = ", ".join(repr(name[:60]) for name in names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
    held = f"its columns are {shown}" if names else "it holds no numbers by name"
    return f"{source}: no loss or metric was found; {held}. Name them loss, val_loss, accuracy, val_accuracy, lr, step."


def _unit(curves: list[Curve]) -> str:
    """What steps are: steps that the log counts, its epochs where each has one row, or its rows."""
    import numpy as np

    if any(curve.steps is not None for curve in curves):
        return "step"
    counted = [curve.epochs for curve in curves]
    if not all(epochs is not None and (epochs == np.rint(epochs)).all() for epochs in counted):
        return "row"
    once = all(len(np.unique(epochs)) > 0.5 * len(epochs) for epochs in counted if epochs is not None)
    return "epoch" if once else "row"


def _in_order(curves: list[Curve], meanings: list[Meaning], unit: str, notes: list[str]) -> tuple[list[_Placed], bool]:
    """Every curve at whole steps that increase, without placeholders."""
    import numpy as np

    placed: list[_Placed] = []
    resumed = False
    found: dict[int, Any] = {}  # most columns share their steps: put in order once
    for curve, means in zip(curves, meanings, strict=True):
        counted = {"step": curve.steps, "epoch": curve.epochs}.get(unit)
        given = np.asarray(curve.rows if counted is None else counted)
        if id(given) not in found:
            whole = np.rint(np.clip(given, -_HUGE, _HUGE)).astype(np.int64)
            found[id(given)] = (whole, order(whole))
        steps, way = found[id(given)]
        one = _Placed(curve, means, means.name, steps, curve.values, curve.epochs, [])
        if way.places is not None:
            _keep(one, way.places)
            notes.append(way.note)
            resumed |= way.resumed
        if one.is_score and (known := measured(one.values)) is not None:
            blank = "NaN" if np.isnan(one.values).sum() == len(known) - known.sum() else "0"
            _keep(one, np.flatnonzero(known))
            one.how.append(f"{blank} where it was not measured")
        if curve.percent:
            one.how.append("percent as shares")
        placed.append(one)
    return placed, resumed


def _keep(one: _Placed, places: NDArray[np.intp]) -> None:
    one.steps, one.values = one.steps[places], one.values[places]
    one.epochs = None if one.epochs is None else one.epochs[places]


def _as_shares(placed: list[_Placed]) -> None:
    """Percentages without their sign, told by values that no share can have, in all parts alike."""
    import numpy as np

    by_metric: dict[str, list[_Placed]] = defaultdict(list)
    for one in placed:
        if one.means.metric in SHARES and not one.curve.percent:
            by_metric[one.means.metric].append(one)
    for alike in by_metric.values():
        finite = np.concatenate([one.values[np.isfinite(one.values)] for one in alike])
        if len(finite) and finite.min() >= 0 and 1.01 < finite.max() <= 100.001:
            for one in alike:
                one.values = one.values / 100
                one.how.append("percent as shares")


def _named_apart(placed: list[_Placed]) -> list[_Placed]:
    """One curve a name and density; where two want it, that with more values has it, the other keeps its own.

    Of a training loss measured with each evaluation and one written more often, both have it, at their densities.
    """
    evaluations = _evaluations(placed)
    by_name: dict[tuple[str, str], list[_Placed]] = defaultdict(list)
    for one in placed:
        by_name[one.name, one.means.density].append(one)
    taken = {one.name for one in placed}
    for rivals in by_name.values():
        rivals.sort(key=lambda one: (-len(one.values), not one.means.part))
        if len(rivals) == 2 and len(rivals[1].values) <= _as_often(evaluations) < len(rivals[0].values):
            for one, density in zip(rivals, ("step", "epoch"), strict=True):
                one.means = replace(one.means, density=one.means.density or density)
            continue
        for one in rivals[1:]:
            one.name = _free(one.curve.name, taken)
            one.means = replace(one.means, known=False)
            taken.add(one.name)
    return placed


def _free(name: str, taken: set[str]) -> str:
    spelled = "_".join(name.split()).lower()
    spelled = f"other_{spelled}" if spelled in taken else spelled
    attempt, number = spelled, 2
    while attempt in taken or attempt in ("kind", "step", "epoch"):
        attempt, number = f"{spelled}_{number}", number + 1
    return attempt


def _kinds(placed: list[_Placed], unit: str) -> None:
    """Which density each curve has: as it says, else by how its values compare with evaluations and epochs."""
    evaluations = _evaluations(placed)
    for one in placed:
        if one.means.density:
            one.kind = one.means.density
        elif one.means.part == VAL:
            one.kind = "epoch"
        elif evaluations:
            one.kind = "epoch" if len(one.values) <= _as_often(evaluations) else "step"
        elif one.epochs is not None and unit != "epoch":
            one.kind = "epoch" if len(one.values) <= _DENSER * len(_last_of_epochs(one.epochs)) else "step"
        else:
            one.kind = "epoch" if unit == "epoch" else "step"
    held: dict[str, set[str]] = defaultdict(set)
    for one in placed:  # the same name twice at one density, after all: "loss" beside "loss_step"
        if one.name in held[one.kind]:
            one.kind = "step" if one.kind == "epoch" else "epoch"
        if one.name in held[one.kind]:
            one.name = _free(one.curve.name, held[one.kind])
        held[one.kind].add(one.name)


def _evaluations(placed: list[_Placed]) -> int:
    """How often the model was evaluated."""
    return max((len(one.values) for one in placed if one.means.part == VAL and one.means.density != "step"), default=0)


def _as_often(evaluations: int) -> float:
    """How many values a curve may have that was written with the evaluations."""
    return max(_DENSER * evaluations, evaluations + 1)


def _last_of_epochs(epochs: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of the last value of each epoch; a share of an epoch belongs to the one it is part of."""
    import numpy as np

    whole = np.ceil(epochs)
    return np.flatnonzero(np.append(whole[1:] != whole[:-1], True))


def _add_means(columns: dict[str, dict[str, Points]], placed: list[_Placed], *, running: bool) -> None:
    """Curves written by the step, averaged from one evaluation or epoch to the next, where that was not written."""
    import numpy as np

    dense = [one for one in placed if one.kind == "step" and (one.means.known or one.means.part) and len(one.values)]
    evaluated = [one for one in placed if one.kind == "epoch" and one.means.part == VAL]
    for one in dense:
        if one.name in columns["epoch"]:
            continue
        if evaluated:
            ends = max(evaluated, key=lambda other: len(other.steps)).steps
        elif one.epochs is not None:
            ends = one.steps[_last_of_epochs(one.epochs)]
        else:
            continue
        stops = np.searchsorted(one.steps, ends, side="right")
        starts = np.concatenate(([0], stops[:-1]))
        some = stops > starts
        if some.sum() < 2:
            continue
        stops, starts, ends = stops[some], starts[some], ends[some]
        if running or one.name == "lr":
            values = one.values[stops - 1]
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                values = np.add.reduceat(one.values[: stops[-1]], starts) / (stops - starts)
            one.how.append("also averaged between evaluations" if evaluated else "also averaged over epochs")
        columns["epoch"][one.name] = (ends, values)


def _add_epochs(columns: dict[str, dict[str, Points]], placed: list[_Placed]) -> int | None:
    """Add the epoch at each step, where the log says it; returns how many steps an epoch has."""
    import numpy as np

    counted = [(one.steps, one.epochs) for one in placed if one.epochs is not None]
    if not counted:
        return None
    steps, epochs = united(counted)
    for curves in columns.values():
        if curves:
            there, _ = united(list(curves.values()))
            place = np.minimum(np.searchsorted(steps, there), len(steps) - 1)
            same = steps[place] == there
            curves["epoch"] = (there[same], epochs[place[same]])
    return _pace(steps, epochs)


def united(curves: Sequence[Points]) -> Points:
    """The steps of several curves, each once and in order, with the value of the first curve that has it.

    Most have the same steps, or some of them: the longest is only added to where a step is missing.
    """
    import numpy as np

    steps, values = max(curves, key=lambda points: len(points[0]))
    seen = {id(steps)}
    for others, theirs in curves:
        if id(others) in seen:
            continue
        seen.add(id(others))
        place = np.minimum(np.searchsorted(steps, others), len(steps) - 1)
        new = steps[place] != others
        if new.any():
            merged = np.concatenate((steps, others[new]))
            inorder = np.argsort(merged, kind="stable")
            steps, values = merged[inorder], np.concatenate((values, theirs[new]))[inorder]
    return steps, values


def _about(log: Log, unit: str, pace: int | None, *, resumed: bool) -> dict[str, Any]:
    about: dict[str, Any] = {"kind": "about", "step": 0, **log.about}
    if unit != "step":
        about["step_unit"] = unit
    if resumed:
        about["resumed"] = True
    if pace and unit != "epoch":
        about.setdefault("steps_per_epoch", pace)
    return about


def _pace(steps: NDArray[np.int64], epochs: NDArray[np.float64]) -> int | None:
    """Steps from the end of one epoch to the end of the next; None where epochs do not follow each other."""
    import numpy as np

    ends = _last_of_epochs(epochs)
    apart = np.diff(epochs[ends])
    if len(ends) < 2 or not (apart > 0).all():
        return None
    return max(1, round(float(np.median(np.diff(steps[ends]) / apart))))


def _mapping(log: Log, placed: list[_Placed]) -> tuple[Mapped, ...]:
    for one in placed:
        said = meaning(one.curve.name)
        if one.means.part == VAL != said.part:
            one.how.insert(0, "taken for validation")
        if one.means.metric == "loss" != said.metric:
            one.how.insert(0, "taken for the loss")
    curves = [Mapped(one.curve.name, one.name, ", ".join(one.how)) for one in placed]
    return (*(Mapped(name, "", taken_for) for name, taken_for in log.left.items()), *curves)
