"""Table files of every kind, by their ending."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import BadData
from ravine.data.raw import Raw
from ravine.data.sources.columns import raw_of_frame
from ravine.data.sources.delimited import read_delimited
from ravine.data.sources.options import Options
from ravine.data.sources.settle import settled
from ravine.records.finding import Finding

if TYPE_CHECKING:
    import polars as pl

DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".data", ".csv.gz", ".tsv.gz", ".txt.gz")


def open_table(path: Path, options: Options, *, origin: str) -> Raw:
    """The rows of a table file.

    Raises:
        BadData: It cannot be read, or its columns cannot be learned from.
    """
    found: list[Finding] = []
    if path.stat().st_size == 0:
        raise BadData(f"{path}: the file is empty. Give a table with a line of column names and a line for each row.")
    if path.name.lower().endswith(DELIMITED):
        frame, found = read_delimited(path, options.delimiter)
    else:
        frame = _READERS[path.suffix.lower()](path)
    return raw_of_frame(frame, name=path.name, origin=origin, options=options, findings=found)


def read_parquet(path: Path) -> pl.DataFrame:
    """All columns of a Parquet file."""
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise BadData(f"{path}: damaged or not a Parquet file ({reason}). Write it again.") from None


def read_jsonl(path: Path) -> pl.DataFrame:
    """A row for each line, a column for each key; text that holds dates or numbers becomes such."""
    import polars as pl

    try:
        frame = pl.read_ndjson(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        _refuse_lines(path)
        reason = str(error).partition("\n")[0]
        raise BadData(f"{path}: not JSON with one object a line ({reason}).") from None
    if not frame.width:
        _refuse_lines(path)
        raise BadData(f"{path}: no rows of data.")
    return settled(frame)


def _refuse_lines(path: Path) -> None:
    """Raise `BadData` for the first line that is no JSON object."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except UnicodeDecodeError as error:
                raise BadData(
                    f"{path}: line {number} is not UTF-8 (byte {line[error.start]:02X}). Convert the file: "
                    f"iconv -f LATIN1 -t UTF-8 {path.name} > utf8.jsonl"
                ) from None
            except json.JSONDecodeError as error:
                raise BadData(
                    f"{path}: line {number} is no JSON: {error.msg} at column {error.colno}. "
                    "Write one object a line; a file that is one JSON array is not accepted."
                ) from None
            if not isinstance(value, dict):
                raise BadData(
                    f'{path}: line {number} must hold an object such as {{"a": 1}}; got {type(value).__name__}.'
                )


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}

ENDINGS = (*DELIMITED, *_READERS)
"""Endings of the files that `open_table` reads."""
