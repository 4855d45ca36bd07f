"""JSON of one history: Keras' `history.history`, exports of Weights & Biases and MLflow, rows of anyone; also torn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ravine.core.errors import BadData
from ravine.records.history import History
from ravine.records.readers.columns import logs_of_records
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

_BEGINNING = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\]])")  # Python's own mappings begin with {'
_FLAT = re.compile(r"\{[^{}]*\}")
_DEEPEST = 4


def recognizes(source: Source) -> bool:
    """Whether a file begins as JSON does, and is JSON or a torn piece of it."""
    return _BEGINNING.match(source.head) is not None


def read(source: Source) -> list[History]:
    """Curves as lists by name, or rows; of damaged JSON the rows that are whole.

    Raises:
        BadData: It holds neither.
    """
    if source.json is None:
        rows = list(_whole_rows(source.text))
        if not rows:
            raise BadData(f"{source.path}: damaged JSON ({source.json_fault}), and no row in it is whole.")
        source.notes.append(f"The JSON is damaged ({source.json_fault}): the rows that are whole were read.")
        return histories(source, logs_of_records(rows))
    records = _records(source.json)
    if records is None:
        raise BadData(
            f"{source.path}: one value of each name is a summary, not a history. Give the log it was made from."
        )
    return histories(source, logs_of_records(records))


def _records(content: Any, depth: int = 0) -> list[Mapping[str, Any]] | None:
    """The rows of JSON in any of the shapes in which histories are written; None where there are none."""
    if isinstance(content, list):
        rows: list[Mapping[str, Any]] = [row for row in content if isinstance(row, dict)]
        return rows or None
    if not isinstance(content, dict) or depth > _DEEPEST:
        return None
    lists = {name: value for name, value in content.items() if isinstance(value, list) and _is_curve(value)}
    columns = {
        name: _in_order(value) for name, value in content.items() if isinstance(value, dict) and _is_column(value)
    }
    own = _transposed({**columns, **lists})
    nested = (value for value in content.values() if isinstance(value, dict | list))
    inside = [found for value in nested if (found := _records(value, depth + 1)) is not None]
    most = max(inside, key=len, default=own)
    if len(own) == len(most):  # lists of epochs stand beside Keras' curves
        return [{**mine, **theirs} for mine, theirs in zip(own, most, strict=True)] or None
    return max(own, most, key=len)


def _is_curve(values: list[Any]) -> bool:
    return bool(values) and all(value is None or isinstance(value, int | float | str) for value in values)


def _is_column(values: dict[str, Any]) -> bool:
    """Whether a mapping is a column as pandas writes it: values by row number."""
    return bool(values) and all(key.isdigit() for key in values) and _is_curve(list(values.values()))


def _in_order(values: dict[str, Any]) -> list[Any]:
    return [values[key] for key in sorted(values, key=int)]


def _transposed(columns: Mapping[str, list[Any]]) -> list[Mapping[str, Any]]:
    rows = max(map(len, columns.values()), default=0)
    return [{name: column[row] for name, column in columns.items() if row < len(column)} for row in range(rows)]


def _whole_rows(text: str) -> Iterator[Mapping[str, Any]]:
    for match in _FLAT.finditer(text):
        try:
            row = json.loads(match[0])
        except ValueError:
            continue
        if row:
            yield row


READER = Reader("json_history", "a history in JSON", recognizes, read)
