"""JSON Lines: one object a line, as Weights & Biases, MLflow exports and many scripts write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ravine.records.history import History
from ravine.records.readers.columns import logs_of_records
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

_LOOKED_AT = 20  # lines


def recognizes(source: Source) -> bool:
    """Whether at least half of a file's first lines are objects; one line alone is a JSON file."""
    lines = [line for line in source.head.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    lines = lines[: min(_LOOKED_AT, len(lines) - 1)]
    return 2 * sum(_object(line) is not None for line in lines) >= len(lines)


def read(source: Source) -> list[History]:
    """The rows; lines that are no objects are left out."""
    torn: list[str] = []
    logs = logs_of_records(_objects(source.text, torn))
    if torn:
        source.notes.append(f"Lines that are no JSON objects were left out: {len(torn)}.")
    return histories(source, logs)


def _objects(text: str, torn: list[str]) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if not line.strip():
            continue
        row = _object(line)
        if row is None:
            torn.append(line)
        else:
            yield row


def _object(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


READER = Reader("json_lines", "JSON Lines", recognizes, read)
