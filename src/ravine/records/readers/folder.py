"""A folder of logs: one, or several side by side as `lightning_logs/version_0`, `version_1` are."""

from __future__ import annotations

from pathlib import Path

from ravine.core.errors import BadData, RavineError
from ravine.records.history import History
from ravine.records.readers.reader import Reader
from ravine.records.readers.source import Source

_NAMES = ("metrics.csv", "history.csv", "training_log.csv", "log.csv", "results.csv", "history.json", "log.jsonl")
_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".log", ".txt", ".gz")
_MOST = 50


def recognizes(source: Source) -> bool:
    """Whether it is a folder."""
    return source.is_folder


def read(source: Source) -> list[History]:
    """The log in a folder that holds one, else the logs in its folders.

    Raises:
        BadData: There is none, or it cannot be told which of several files it is.
    """
    from ravine.records.readers import read_histories

    log = _log_in(source.path)
    if log is not None:
        return read_histories(log)
    found: list[History] = []
    for folder in _folders(source.path)[:_MOST]:
        try:
            found += read_histories(folder)
        except RavineError:
            continue
    if not found:
        raise BadData(f"{source.path}: no log was found in this folder. Give the file that holds the curves.")
    return found


def _log_in(folder: Path) -> Path | None:
    files = sorted(path for path in _entries(folder) if path.is_file())
    named = [path for name in _NAMES for path in files if path.name.lower() == name]
    if named:
        return named[0]
    logs = [path for path in files if path.suffix.lower() in _ENDINGS]
    if len(logs) > 1:
        listed = ", ".join(path.name for path in logs[:8]) + (", …" if len(logs) > 8 else "")
        raise BadData(f"{folder}: holds several files that may be logs: {listed}. Give the one to read.")
    return logs[0] if logs else None


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in _entries(folder) if path.is_dir() and not path.name.startswith("."))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise BadData(f"{folder}: cannot be read ({error.strerror}).") from None


READER = Reader("folder", "a folder of logs", recognizes, read)
