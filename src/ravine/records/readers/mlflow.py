"""MLflow's file store: one file a metric, each line a time in milliseconds, a value and a step."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from ravine.core.errors import BadData
from ravine.records.history import History
from ravine.records.readers.cells import cells, number
from ravine.records.readers.columns import logs_of_table
from ravine.records.readers.log import Log
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

_LINE = re.compile(r"\d{9,17} \S+ -?\d+")
_SYSTEM = "system/"  # MLflow's own measurements of the machine
_MOST_FILES = 2000
_DEPTHS = ("", "*/", "*/*/", "*/*/*/")


def recognizes(source: Source) -> bool:
    """Whether a file has such lines, or a folder holds such files in a folder `metrics`."""
    if source.is_folder:
        return bool(_runs(source.path))
    lines = [line.strip() for line in source.head.splitlines()[:5] if line.strip()]
    return bool(lines) and all(map(_LINE.fullmatch, lines))


def read(source: Source) -> list[History]:
    """Every run below a folder; of a file alone, that metric."""
    if not source.is_folder:
        log = Log([])
        _add(log, source, _name(source.path))
        return histories(source, [log])
    runs = _runs(source.path)
    logs = []
    for metrics in runs:
        log = Log([], run=_run_name(metrics.parent) if len(runs) > 1 else "")
        for path in itertools.islice(_files(metrics), _MOST_FILES):
            name = path.relative_to(metrics).as_posix()
            if name.startswith(_SYSTEM):
                log.left[name] = "of the machine"
                continue
            try:
                _add(log, Source(path), name)
            except BadData:
                log.left[name] = "empty"
        logs.append(log)
    return histories(source, logs)


def _add(log: Log, source: Source, name: str) -> None:
    """The curve of one file; a line cut short is left out."""
    rows = [line.split() for line in source.text.splitlines()]
    whole = [row for row in rows if len(row) == 3 and number(row[2]) is not None]
    table = {name: cells([row[1] for row in whole]), "step": cells([row[2] for row in whole])}
    for made in logs_of_table(table):
        log.curves += made.curves


def _name(path: Path) -> str:
    """A metric's name: below a folder `metrics` with the folders between."""
    parts = path.resolve().parts
    if "metrics" in parts[:-1]:
        return "/".join(parts[len(parts) - parts[::-1].index("metrics") :])
    return path.name


def _runs(folder: Path) -> list[Path]:
    """The folders of metrics at or below `folder`."""
    if folder.name == "metrics" and _holds_metrics(folder):
        return [folder]
    found = {path for depth in _DEPTHS for path in folder.glob(f"{depth}metrics") if path.is_dir()}
    return [path for path in sorted(found) if _holds_metrics(path)]


def _holds_metrics(folder: Path) -> bool:
    return any(_first_line(path) for path in itertools.islice(_files(folder), 5))


def _first_line(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _LINE.fullmatch(file.readline(200).decode("utf-8", "replace").strip()) is not None
    except OSError:
        return False


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _run_name(run: Path) -> str:
    """What a run is called, else its id."""
    try:
        return (run / "tags" / "mlflow.runName").read_text(encoding="utf-8").strip() or run.name
    except (OSError, UnicodeDecodeError):
        return run.name


READER = Reader("mlflow", "MLflow metrics", recognizes, read)
