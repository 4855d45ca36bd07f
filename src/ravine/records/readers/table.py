"""Tables of any names: CSV, TSV or apart by blanks; of Lightning, Keras, Weights & Biases, MLflow or anyone."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ravine.core.errors import BadData
from ravine.records.history import History
from ravine.records.readers.cells import Cells, cells, is_missing, number
from ravine.records.readers.columns import logs_of_table
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

if TYPE_CHECKING:
    import polars as pl

_DELIMITERS = (",", "\t", ";", "|")
_LARGE = 2_000_000  # bytes from which loading polars costs less than it saves
_SAMPLED = 40
_MOST_COLUMNS = 4000
_WORD = re.compile(r"[A-Za-z_]")
_TOLD = re.compile(r"[:=]\s*[-+]?\.?\d|[\s(][-+]?\d*\.\d")  # "loss: 0.5" names a value with it: a line, no header


@dataclass(frozen=True, slots=True)
class _Form:
    """How a table is written: its delimiter ("" for blanks), its header, and how many lines come before the rows."""

    delimiter: str
    header: tuple[str, ...]
    skip: int


def recognizes(source: Source) -> bool:
    """Whether a file is a table with names of columns in its first line."""
    return not source.is_folder and _form(source.head) is not None


def read(source: Source) -> list[History]:
    """The run in a table, or the runs where a column or the header tells them apart."""
    form = _form(source.head)
    assert form is not None
    if len(form.header) > _MOST_COLUMNS:
        raise BadData(f"{source.path}: {len(form.header)} columns; at most {_MOST_COLUMNS} are read.")
    large = len(source.data) > _LARGE and form.delimiter
    table = _large_table(source, form) if large else _small_table(source.text, form)
    return histories(source, logs_of_table(table))


def _form(head: str) -> _Form | None:
    lines = head.splitlines()[:-1] if len(head.splitlines()) > 1 and not head.endswith("\n") else head.splitlines()
    lines = lines or head.splitlines()
    skip = next((place for place, line in enumerate(lines) if _begins(line, lines[place + 1 :])), None)
    if skip is None:
        return None
    first, body = lines[skip].lstrip("# "), [line for line in lines[skip + 1 :] if line.strip()][:_SAMPLED]
    for delimiter in (*_DELIMITERS, ""):
        header = tuple(cell.strip() for cell in next(_split([first], delimiter), []))
        if _is_header(header) and _fits(len(header), list(_split(body, delimiter)), strict=not delimiter):
            return _Form(delimiter, _apart(header), skip + 1)
    return None


def _begins(line: str, after: list[str]) -> bool:
    """Whether a line may be the header: not empty, no comment unless it is the last before the rows."""
    text = line.strip()
    if not text or text.lower().startswith("sep="):
        return False
    return not text.startswith("#") or not (after and after[0].lstrip().startswith("#"))


def _split(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    if not delimiter:
        return (line.split() for line in lines)
    return _rows(lines, delimiter)


def _rows(lines: Any, delimiter: str) -> Iterator[list[str]]:
    """Rows of cells; a row that cannot be taken apart is left out."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue


def _is_header(header: tuple[str, ...]) -> bool:
    words = [cell for cell in header if cell]
    if any(map(_TOLD.search, words)):
        return False
    return bool(words) and all(number(cell) is None for cell in words) and all(map(_WORD.search, words))


def _fits(columns: int, body: list[list[str]], *, strict: bool) -> bool:
    """Whether rows have as many cells as the header, and numbers among them."""
    if not body:
        return columns > 1 and not strict
    matching = [row for row in body if len(row) == columns]
    if len(matching) < (0.95 if strict else 0.6) * len(body):
        return False
    filled = [cell for row in matching for cell in row if not is_missing(cell)]
    numbers = sum(number(cell) is not None for cell in filled)
    return numbers >= (0.8 if strict or columns == 1 else 0.25) * len(filled) and numbers > 0


def _apart(header: tuple[str, ...]) -> tuple[str, ...]:
    """Names of columns, none twice and none empty."""
    found: dict[str, None] = {}
    for place, cell in enumerate(header):
        name = cell or f"column {place + 1}"
        found[
            next(n for n in itertools.chain((name,), (f"{name} ({k})" for k in itertools.count(2))) if n not in found)
        ] = None
    return tuple(found)


def _small_table(text: str, form: _Form) -> dict[str, Cells]:
    lines = text.splitlines()[form.skip :]
    width = len(form.header)
    table: list[list[str | None]] = [[] for _ in form.header]
    for row in _split(lines, form.delimiter):
        if not row or (len(row) == width and [cell.strip() for cell in row] == list(form.header)):
            continue
        for place, column in enumerate(table):
            column.append(row[place] if place < len(row) else None)
    return {name: cells(column) for name, column in zip(form.header, table, strict=True)}


def _large_table(source: Source, form: _Form) -> dict[str, Cells]:
    """The same through polars; columns it takes for numbers are arrays at once."""
    import polars as pl

    given = source.data if _is_plain(source.data) else source.text.encode()
    options: dict[str, Any] = {
        "separator": form.delimiter,
        "has_header": False,
        "skip_rows": form.skip,
        "new_columns": list(form.header),
        "truncate_ragged_lines": True,
        "null_values": ["", "NA", "N/A", "null", "None"],
    }
    for attempt in (
        {"infer_schema_length": 10_000},
        {"infer_schema": False},
        {"infer_schema": False, "quote_char": None},
    ):
        try:
            frame = pl.read_csv(io.BytesIO(given), **options, **attempt)
        except (pl.exceptions.PolarsError, ValueError):
            continue
        return {name: _cells(frame[name]) for name in form.header if name in frame.columns}
    return _small_table(source.text, form)


def _is_plain(data: bytes) -> bool:
    """Whether bytes are UTF-8 without mark and NUL, as polars wants them."""
    if data[:3] == b"\xef\xbb\xbf" or b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cells(column: pl.Series) -> Cells:
    import numpy as np
    import polars as pl

    if column.dtype == pl.String:
        found = column.cast(pl.Float64, strict=False)
        if found.null_count() > column.null_count():
            return cells(column.to_list())
        column = found
    present = column.is_not_null().to_numpy()
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Cells(np.ascontiguousarray(values), np.ascontiguousarray(present))


READER = Reader("table", "a table", recognizes, read)
