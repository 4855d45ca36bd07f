"""Readers of histories, one a file: from the log of any tool to a `History`. The list below is the only list."""

from __future__ import annotations

import os
from pathlib import Path

from ravine.core.catalogue import Catalogue
from ravine.core.errors import BadData
from ravine.records.folder import DEFAULT_ROOT
from ravine.records.history import History
from ravine.records.readers import (
    event_file,
    folder,
    json_history,
    json_lines,
    mlflow,
    ravine_run,
    table,
    text_log,
    trainer_state,
)
from ravine.records.readers.reader import Reader
from ravine.records.readers.source import Source

READERS: Catalogue[Reader] = Catalogue(
    "log",
    [
        ravine_run.READER,
        event_file.READER,
        mlflow.READER,
        trainer_state.READER,
        json_lines.READER,
        json_history.READER,
        table.READER,
        text_log.READER,
        folder.READER,
    ],
    name=lambda reader: reader.name,
)
"""The forms that are known, the most particular first: the first that recognizes a file or folder reads it."""

__all__ = ["READERS", "Reader", "read_histories", "read_history"]


def read_histories(path: str | os.PathLike[str]) -> list[History]:
    """The runs that a log holds: nearly always one.

    Args:
        path: A file, also gzipped, or a folder, of any form in `READERS`, told by its content; a run of ours also by
            its name inside `runs/`.

    Raises:
        BadData: It is not there, cannot be read, is of no known form, or tells no loss and no metric.
    """
    given = Path(path)
    if not given.exists() and given.parent == Path() and (DEFAULT_ROOT / given).is_dir():
        given = DEFAULT_ROOT / given
    source = Source(given)
    reader = next((reader for reader in READERS.values() if reader.recognizes(source)), None)
    if reader is None:
        raise BadData(
            f"{path}: is no text and no event file. Known are: {', '.join(r.title for r in READERS.values())}."
        )
    return reader.read(source)


def read_history(path: str | os.PathLike[str]) -> History:
    """The one run that a log holds.

    Raises:
        BadData: As of `read_histories`, or it holds several.
    """
    found = read_histories(path)
    if len(found) > 1:
        names = ", ".join(history.source.rpartition(": ")[2] for history in found[:8])
        raise BadData(f"{path}: holds {len(found)} runs: {names}. Give the log of one.")
    return found[0]
