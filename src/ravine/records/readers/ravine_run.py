"""Our own records: the folder of a run or of a watched program, and `metrics.jsonl` alone."""

from __future__ import annotations

import json
from typing import Any

from ravine.core.errors import BadData, BadRun
from ravine.core.files import read_json
from ravine.records.folder import RunFolder
from ravine.records.history import History
from ravine.records.readers.reader import Reader
from ravine.records.readers.source import Source

_LOOKED_AT = 20  # lines


def recognizes(source: Source) -> bool:
    """Whether a folder has our `metrics.jsonl`, or a file has its rows: whole steps, of a kind by name."""
    if source.is_folder:
        return RunFolder(source.path).metrics.is_file()
    lines = source.head.splitlines()[:_LOOKED_AT]
    return any(map(_is_ours, lines))


def read(source: Source) -> list[History]:
    """The run, with what its results say of it as a whole."""
    folder = RunFolder(source.path if source.is_folder else source.path.parent)
    metrics = folder.metrics if source.is_folder else source.path
    history = History.of_run(metrics)
    history.source = str(source.path)
    if not len(history):
        raise BadData(f"{metrics}: holds no row yet.")
    if history.damaged:
        history.notes = (f"Rows that lack what belongs to them were left out: {history.damaged}.",)
    about = _told(folder) if metrics == folder.metrics else {}
    if about:
        history.add({"kind": "about", "step": 0, **about, **history.about})
    return [history]


def _is_ours(line: str) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and isinstance(row.get("kind"), str) and isinstance(row.get("step"), int)


def _told(folder: RunFolder) -> dict[str, Any]:
    """What the steps of `ravine fit` wrote down about data and network; nothing where they wrote nothing."""
    try:
        results = read_json(folder.results) if folder.results.is_file() else {}
    except BadRun:
        return {}
    known = {
        "task": _at(results, "data", "task"),
        "classes": len(_at(results, "data", "classes") or ()) or None,
        "train_rows": _at(results, "split", "train"),
        "val_rows": _at(results, "split", "val"),
        "parameters": _at(results, "model", "parameters"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _at(results: Any, section: str, name: str) -> Any:
    held = results.get(section) if isinstance(results, dict) else None
    return held.get(name) if isinstance(held, dict) else None


READER = Reader("ravine_run", "a run of Ravine", recognizes, read)
