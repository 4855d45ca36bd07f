"""Text tables: CSV, TSV and their relatives, read by polars and checked by hand."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import BadData
from ravine.data.sources.header import distinct, is_data, lacks_names
from ravine.data.sources.notes import note
from ravine.data.sources.settle import MISSING, settled
from ravine.records.finding import Finding

if TYPE_CHECKING:
    from _csv import Reader

    import polars as pl

_DELIMITERS = "\t;|,"  # in this order when several divide all lines alike: decimal commas look like delimiters
_SNIFFED = 1 << 16  # bytes
_INFERRED = 10_000  # rows; polars needs 25 times as long when it infers from a whole large file
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_delimited(path: Path, delimiter: str | None) -> tuple[pl.DataFrame, list[Finding]]:
    """All columns of a text table in their types, and what reading found.

    Args:
        path: UTF-8 text, plain or gzipped, with or without a line of names.
        delimiter: One character; None: inferred.

    Raises:
        BadData: Empty, not UTF-8, rows of unequal length, an open quote, a name given twice.
    """
    import polars as pl

    content = _content(path)
    if delimiter is None:
        delimiter = _sniffed(path, content)
    names = _header(path, content, delimiter)
    try:
        try:
            frame = _parsed(content, delimiter, infer=True)
        except pl.exceptions.ComputeError:
            # A type that the first rows suggested does not hold further down, or a real fault, which shows again.
            frame = _parsed(content, delimiter, infer=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _explained(path, content, delimiter, error) from None
    if frame.width != len(names) or frame.height == 0:
        _refuse_ragged(path, content, delimiter)
    if frame.width != len(names):
        raise BadData(
            f"{path}: the first line has {len(names)} names but {frame.width} fields. Are line ends mixed, or quotes "
            "open? Write the file anew with one kind of line end."
        )
    if frame.height == 0 and not is_data(names):
        raise BadData(f"{path}: has a line of column names but no rows of data.")
    found: list[Finding] = []
    frame.columns = [f"column {k}" for k in range(frame.width)]
    if frame.width > 1:
        if frame[:, -1].null_count() and not _is_whole(content, delimiter, frame):
            _refuse_ragged(path, content, delimiter)
        frame = _without_blank_rows(frame, found)
    comma = delimiter != ","
    frame = settled(frame, decimal_comma=comma)
    if is_data(names) or lacks_names(frame, names):
        found.append(
            note(
                "has-no-header",
                f"the first line ({', '.join(names[:4])}{', …' if len(names) > 4 else ''}) looks like data, so columns "
                f"are named column_1 … column_{len(names)}",
                "write the names into the first line of the file",
            )
        )
        first = pl.DataFrame([[name] for name in names], schema=frame.columns, orient="col")
        text = _parsed(content, delimiter, infer=False)
        text.columns = frame.columns
        frame = settled(_without_blank_rows(pl.concat([first, text]), []), decimal_comma=comma)
        names = [f"column_{k + 1}" for k in range(frame.width)]
    frame.columns = distinct(path, names)
    return frame, found


def _content(path: Path) -> bytes:
    """The file's bytes, unpacked, without byte-order mark and leading empty lines."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"{path}: damaged gzip file ({error}). Fetch it again.") from None
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error}).") from None
    if content.startswith(_UTF16) or (len(content) > 3 and content[1:4:2] == b"\0\0"):
        raise BadData(f"{path}: is UTF-16, not UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 {path.name} > utf8.csv")
    if b"\0" in content[:_SNIFFED]:
        raise BadData(f"{path}: is a binary file (byte 00 at position {content.index(0)}), not a text table.")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in content[:_SNIFFED] and b"\n" not in content[:_SNIFFED]:
        content = content.replace(b"\r", b"\n")
    if not content.strip():
        raise BadData(f"{path}: the file is empty. Give a table with a line of column names and a line for each row.")
    return content


def _sniffed(path: Path, content: bytes) -> str:
    """The delimiter that divides the first lines most evenly."""
    if path.name.removesuffix(".gz").endswith((".tsv", ".tab")):
        return "\t"
    sample = content[:_SNIFFED].decode("utf-8", errors="replace")
    if len(content) > _SNIFFED:
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, best_share = ",", 0.0
    for delimiter in _DELIMITERS:
        try:
            widths = [
                len(row) for row in itertools.islice(csv.reader(io.StringIO(sample), delimiter=delimiter), 200) if row
            ]
        except csv.Error:
            continue
        share = widths.count(widths[0]) / len(widths) if widths and widths[0] > 1 else 0.0
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _header(path: Path, content: bytes, delimiter: str) -> list[str]:
    start = content[: 1 << 20].decode("utf-8", errors="replace")
    try:
        names = next(([name.strip() for name in row] for row in _rows(start, delimiter) if row), [])
    except csv.Error as error:
        raise BadData(f"{path}: line 1: {error}. Check quotes and --delimiter.") from None
    if any("\ufffd" in name for name in names):  # polars checks the values, but not the names
        _refuse_encoding(path, content)
    return names


def _parsed(content: bytes, delimiter: str, *, infer: bool) -> pl.DataFrame:
    import polars as pl

    return pl.read_csv(
        content,
        separator=delimiter,
        infer_schema_length=_INFERRED if infer else 0,
        try_parse_dates=infer,
        null_values=list(MISSING),
    )


def _is_whole(content: bytes, delimiter: str, frame: pl.DataFrame) -> bool:
    """Whether no row is short: no row is too long (polars refuses those), so the count of delimiters tells."""
    if b'"' in content:
        return False
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    return content.count(delimiter.encode()) == lines * (frame.width - 1)


def _without_blank_rows(frame: pl.DataFrame, found: list[Finding]) -> pl.DataFrame:
    """Without rows in which every field is empty: blank lines, and the tails that spreadsheets leave."""
    import polars as pl

    if not frame[:, -1].null_count():
        return frame
    kept = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if gone := frame.height - kept.height:
        found.append(
            note(
                "has-blank-rows", f"{gone:,} lines without any value were left out", "nothing has to be done", rows=gone
            )
        )
    return kept


def _refuse_ragged(path: Path, content: bytes, delimiter: str) -> None:
    """Raise `BadData` for the first row with more or fewer fields than there are names; else return."""
    reader = _rows(content.decode("utf-8", errors="replace"), delimiter)
    expected = 0
    line = before = 0
    try:
        for row in reader:
            line, before = reader.line_num, line
            if not row:
                continue
            expected = expected or len(row)
            if len(row) != expected and not (expected == 1 and not row):
                fault = "unquoted delimiter in a value" if len(row) > expected else "value or delimiter missing"
                raise BadData(
                    f"{path}: line {before + 1} has {len(row)} fields where {expected} were expected "
                    f"({fault}). Mend that line, or name the delimiter with --delimiter (taken: {delimiter!r})."
                )
    except csv.Error as error:
        raise BadData(
            f'{path}: line {line + 1}: {error}; a quote (") that opens there is never closed, or a field is too '
            "long. Mend that line."
        ) from None


def _rows(text: str, delimiter: str) -> Reader:
    csv.field_size_limit(1 << 27)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _explained(path: Path, content: bytes, delimiter: str, error: Exception) -> BadData:
    """What polars refused, with the place in the file."""
    try:
        _refuse_encoding(path, content)
        _refuse_ragged(path, content, delimiter)
    except BadData as better:
        return better
    first = str(error).partition("\n")[0]
    return BadData(
        f"{path}: cannot be read as a table divided by {delimiter!r} ({first}). Check --delimiter and quotes."
    )


def _refuse_encoding(path: Path, content: bytes) -> None:
    """Raise `BadData` for the first byte that is not UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise BadData(
            f"{path}: not UTF-8: byte {content[fault.start]:02X} at position {fault.start} (line {line}, "
            f"…{_latin(content, fault.start)}…). If it is Latin-1, convert it: "
            f"iconv -f LATIN1 -t UTF-8 {path.name} > utf8.csv"
        ) from None


def _latin(content: bytes, position: int) -> str:
    return re.sub(r"\s", " ", content[max(0, position - 8) : position + 8].decode("latin-1"))
