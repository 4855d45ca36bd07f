"""`metrics.jsonl`: one JSON object a line, appended as the training goes, never rewritten.

Rows of three kinds, told apart by `"kind"`:

- `{"kind": "step", "step": 40, "epoch": 0.43, "train_loss": 1.9, "lr": 0.001, …}`:
  the mean since the last such row;
- `{"kind": "epoch", "step": 94, "epoch": 1, "train_loss": …, "train_accuracy": …,
  "val_loss": …, "val_accuracy": …, "seconds": …, "samples_per_second": …}`: after each epoch;
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

from ravine.core.files import explained


class MetricsWriter:
    """Appends rows to `metrics.jsonl`, flushed row by row so that a killed run loses at most one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with explained(path):
            self._file = path.open("ab")
            _mend_last_line(path, self._file)

    def write(self, row: dict[str, Any]) -> None:
        """Append one row; NaN and infinities are kept, as the strings "nan", "inf", "-inf"."""
        text = json.dumps({key: _spelled(value) for key, value in row.items()}, allow_nan=False)
        with explained(self.path):
            self._file.write(text.encode() + b"\n")
            self._file.flush()

    def sync(self) -> None:
        """Force what was written onto the disk."""
        with explained(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close; harmless when called twice."""
        self._file.close()


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of `metrics.jsonl` in order; a torn or foreign line is skipped, work done twice is dropped."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if not isinstance(row, dict):
                    continue
                if row.get("kind") == "resume":
                    rows = [kept for kept in rows if kept.get("step", 0) <= row["step"]]
                else:
                    rows.append({key: _number(value) for key, value in row.items()})
    yield from rows


def _mend_last_line(path: Path, file: Any) -> None:
    """End a line that a killed process left torn, so that the next row starts on its own."""
    size = path.stat().st_size
    if size:
        with path.open("rb") as reader:
            reader.seek(size - 1)
            if reader.read(1) != b"\n":
                file.write(b"\n")
                file.flush()


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _number(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value
