"""From a table of cells to the columns of one run or several: wide and long tables, with steps and epochs filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ravine.records.readers.cells import Cells, cells
from ravine.records.readers.log import Curve, Log
from ravine.records.readers.names import Role, is_part, meaning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME_COLUMNS = frozenset({"metric", "metric_name", "key", "name", "tag", "variable", "series", "measure"})
_VALUE_COLUMNS = frozenset({"value", "values", "metric_value", "val", "score"})
_PART_COLUMNS = frozenset({"split", "phase", "part", "mode", "set", "stage", "subset", "partition", "dataset", "fold"})
_RUN_COLUMNS = frozenset({"run", "run_id", "run_name", "run_uuid", "experiment", "trial", "version", "model"})
_CHART = " - "  # a chart exported from Weights & Biases: "run name - train/loss"
_CHART_BOUNDS = ("__MIN", "__MAX", "__STEP")
_MOST_RUNS = 50
_MOST_NAMES = 500


def logs_of_records(records: Iterable[Mapping[str, Any]]) -> list[Log]:
    """The runs in rows that may lack any key and may nest: {"train": {"loss": 1}} is "train/loss"."""
    table: dict[str, list[Any]] = {}
    number = 0
    for record in records:
        for name, value in _flat(record):
            column = table.setdefault(name, [])
            column.extend([None] * (number - len(column)))
            if len(column) == number:
                column.append(value)
        number += 1
    for column in table.values():
        column.extend([None] * (number - len(column)))
    return logs_of_table({name: cells(column) for name, column in table.items()})


def _flat(record: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in record.items():
        name = f"{above}/{key}" if above else str(key)
        if isinstance(value, Mapping) and above.count("/") < 4:
            yield from _flat(value, name)
        elif value is None or isinstance(value, str | int | float):
            yield name, value


def logs_of_table(table: Mapping[str, Cells]) -> list[Log]:
    """The runs in a table given by its columns, all of the same length."""
    runs = _word_column(table, _RUN_COLUMNS)
    if runs is not None and len(names := _distinct(table[runs], _MOST_RUNS)) > 1:
        rest = {name: column for name, column in table.items() if name != runs}
        return [
            log
            for name in names
            for log in _named(logs_of_table(_where(rest, _equal(table[runs], name))), f"{runs} {name}")
        ]
    charted = _charted_runs(table)
    if charted:
        return [log for name, part in charted.items() for log in _named([_log(part)], name if len(charted) > 1 else "")]
    return [_log(table)]


def _named(logs: list[Log], run: str) -> list[Log]:
    for log in logs:
        log.run = f"{run}, {log.run}" if log.run else run
    return logs


def _log(table: Mapping[str, Cells]) -> Log:
    table = {name.strip() or f"column {place + 1}": column for place, (name, column) in enumerate(table.items())}
    name_column, value_column = _word_column(table, _NAME_COLUMNS), _value_column(table)
    if name_column is not None and value_column is not None:
        return _long(table, name_column, value_column)
    part_column = _word_column(table, _PART_COLUMNS)
    if part_column is not None and all(is_part(word) for word in _distinct(table[part_column], 8)):
        return _by_part(table, part_column)
    return _wide(table)


def _wide(table: Mapping[str, Cells], prefix: str = "", rows: NDArray[np.int64] | None = None) -> Log:
    """Every column of numbers is a curve, but for those that count steps, epochs and time."""
    import numpy as np

    roles = {name: meaning(name).role for name, column in table.items() if column.words is None}
    left = {name: "words" for name, column in table.items() if column.words is not None}
    left |= {name: role.value for name, role in roles.items() if role is not Role.CURVE}
    curves = [name for name, role in roles.items() if role is Role.CURVE]
    steps = _counter(table, roles, Role.STEP, left)
    epochs = _counter(table, roles, Role.EPOCH, left)
    if steps is not None and epochs is not None:
        steps = _over_all_epochs(steps, epochs)
    number = len(next(iter(table.values())).values) if table else 0
    rows = np.arange(number) if rows is None else rows
    made: list[Curve] = []
    for name in curves:
        column = table[name]
        if column.present.all():
            there: Any = slice(None)
            picked = (rows, steps, epochs)
        else:
            there = column.present
            picked = tuple(None if counter is None else counter[there] for counter in (rows, steps, epochs))  # type: ignore[assignment]
        made.append(Curve(prefix + name, column.values[there], *picked, percent=column.percent))
    return Log(made, left=left)


def _counter(
    table: Mapping[str, Cells], roles: Mapping[str, Role], role: Role, left: dict[str, str]
) -> NDArray[np.float64] | None:
    """The fullest column of that role; where a row lacks its value, that of the row before holds."""
    import numpy as np

    names = [name for name, found in roles.items() if found is role]
    usable = {name: np.isfinite(table[name].values) for name in names}
    name = max(names, key=lambda name: int(usable[name].sum()), default=None)
    if name is None or not usable[name].any():
        return None
    for other in names:
        if other != name:
            left[other] = f"{role.value}, not used"
    values, known = table[name].values, usable[name]
    if known.all():
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    first = values[np.argmax(known)]
    return np.where(last < 0, first, values[last])


def _over_all_epochs(steps: NDArray[np.float64], epochs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps through the whole training, where the log counts them anew in each epoch."""
    import numpy as np

    falls, later = np.diff(steps) < 0, np.diff(epochs) > 0
    anew = int((falls & later).sum())
    if not anew or (falls & ~later).any() or 2 * anew < later.sum() or (np.diff(epochs) < 0).any():
        return steps
    an_epoch = steps.max() + (steps.min() == 0)
    through: NDArray[np.float64] = (epochs - epochs[0]) * an_epoch + steps
    return through


def _long(table: Mapping[str, Cells], name_column: str, value_column: str) -> Log:
    """One row a value: a column tells which curve it belongs to, perhaps another of which part."""
    import numpy as np

    other = {name: column for name, column in table.items() if name not in (name_column, value_column)}
    part_column = _word_column(other, _PART_COLUMNS)
    merged = Log([], left={name_column: "names of curves", value_column: "their values"})
    places = np.arange(len(table[name_column].values))
    for name in _distinct(table[name_column], _MOST_NAMES):
        chosen = _equal(table[name_column], name)
        part = _where({**other, name: table[value_column]}, chosen)
        made = _by_part(part, part_column) if part_column else _wide(part, rows=places[chosen])
        merged.curves += [curve for curve in made.curves if curve.name.split("/")[-1] == name.split("/")[-1]]
        merged.left |= made.left
    return merged


def _by_part(table: Mapping[str, Cells], part_column: str) -> Log:
    """A column of words tells the part that a row is of: training or validation."""
    import numpy as np

    rest = {name: column for name, column in table.items() if name != part_column}
    merged = Log([], left={part_column: "part"})
    places = np.arange(len(table[part_column].values))
    for part in _distinct(table[part_column], 8):
        chosen = _equal(table[part_column], part)
        made = _wide(_where(rest, chosen), f"{part}/", places[chosen])
        merged.curves += made.curves
        merged.left |= made.left
    return merged


def _charted_runs(table: Mapping[str, Cells]) -> dict[str, dict[str, Cells]]:
    """The runs of an exported chart, each with the columns that all share; none where the table is no such chart."""
    prefixed = [name for name in table if _CHART in name and not name.endswith(_CHART_BOUNDS)]
    shared = {name: column for name, column in table.items() if _CHART not in name}
    if not prefixed or not all(meaning(name).role is not Role.CURVE for name in shared):
        return {}
    runs: dict[str, dict[str, Cells]] = {}
    for name in prefixed:
        run, _, curve = name.rpartition(_CHART)
        runs.setdefault(run, dict(shared))[curve] = table[name]
    return runs


def _word_column(table: Mapping[str, Cells], names: frozenset[str]) -> str | None:
    return next(
        (
            name
            for name, column in table.items()
            if column.words is not None and name.strip().lower() in names and any(column.words)
        ),
        None,
    )


def _value_column(table: Mapping[str, Cells]) -> str | None:
    return next(
        (name for name, column in table.items() if column.words is None and name.strip().lower() in _VALUE_COLUMNS),
        None,
    )


def _distinct(column: Cells, most: int) -> list[str]:
    """The words of a column, each once, in the order they come; of more than `most` the first."""
    return list(dict.fromkeys(word for word in column.words or () if word))[:most]


def _equal(column: Cells, word: str) -> NDArray[np.bool_]:
    import numpy as np

    found: NDArray[np.bool_] = np.fromiter((cell == word for cell in column.words or ()), dtype=bool)
    return found


def _where(table: Mapping[str, Cells], chosen: NDArray[np.bool_]) -> dict[str, Cells]:
    return {
        name: Cells(
            column.values[chosen],
            column.present[chosen],
            None
            if column.words is None
            else [w for w, kept in zip(column.words, chosen.tolist(), strict=True) if kept],
            column.percent,
        )
        for name, column in table.items()
    }
