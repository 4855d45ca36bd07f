"""`metrics.jsonl`: one JSON object a line, appended as the training goes, never rewritten.

Rows of three kinds, told apart by `"kind"`:

- `{"kind": "step", "step": 40, "epoch": 0.43, "train_loss": 1.9, "lr": 0.001, …}`:
  the mean since the last such row;
- `{"kind": "epoch", "step": 94, "epoch": 1, "train_loss": …, "train_accuracy": …,
  "val_loss": …, "val_accuracy": …, "seconds": …, "samples_per_second": …}`: after each epoch; `raw_val_…` are
  numbers of the raw weights where `val_…` are those of their average, `noise_scale` is that of the gradient;
- `{"kind": "resume", "step": 94}`: the run was taken up again from there; earlier rows beyond
  that step belong to work that was lost and done again, and readers drop them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ravine.core.errors import BadRun
from ravine.core.files import explained

_TOO_MANY = 2**63
"""Beyond it a whole number in JSON is none that a training counted."""


class MetricsWriter:
    """Appends rows to `metrics.jsonl`, each handed to the system at once: a killed run loses at most one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with explained(path):
            self._file = path.open("ab", buffering=0)
            self._torn = _ends_torn(path)

    def write(self, row: dict[str, Any]) -> None:
        """Append one row; NaN and infinities are kept, as the strings "nan", "inf", "-inf"."""
        text = json.dumps({key: _spelled(value) for key, value in row.items()}, allow_nan=False)
        # A line left torn, by a kill or by a full disk, is ended first: it costs its own row alone.
        rest = memoryview((b"\n" if self._torn else b"") + text.encode() + b"\n")
        self._torn = True
        with explained(self.path):
            while rest:
                rest = rest[self._file.write(rest) :]
        self._torn = False

    def sync(self) -> None:
        """Force what was written onto the disk."""
        with explained(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; harmless when called twice."""
        self._file.close()


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of `metrics.jsonl` in order; a torn or foreign line is skipped, work done twice is dropped.

    Raises:
        BadRun: The file is there and cannot be read.
    """
    rows: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            for line in file:
                row = _row(line)
                if row is None:
                    continue
                if row.get("kind") == "resume":
                    rows = [kept for kept in rows if kept["step"] <= row["step"]]
                else:
                    rows.append({key: _number(value) for key, value in row.items()})
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BadRun(f"{path}: cannot be read ({error.strerror}).") from None
    yield from rows


def _row(line: bytes) -> dict[str, Any] | None:
    """The row on `line`, or None when it is no row: not JSON, without a whole number of steps, of no kind by name."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not isinstance(row.get("step"), int) or abs(row["step"]) >= _TOO_MANY:
        return None
    named = [row.get("kind", "epoch"), row.get("layer") if row.get("kind") == "layer" else ""]
    return row if all(isinstance(name, str) for name in named) else None


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as reader:
        if reader.seekable() and reader.seek(0, os.SEEK_END):
            reader.seek(-1, os.SEEK_END)
            return reader.read(1) != b"\n"
    return False


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _number(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= _TOO_MANY:
        return math.copysign(math.inf, value)
    return float(value) if value in ("nan", "inf", "-inf") else value
