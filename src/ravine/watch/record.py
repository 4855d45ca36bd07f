"""The record of a watched program: a folder with its rows, and one file that says whose they are."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ravine.core.errors import BadRun
from ravine.core.files import explained, write_json
from ravine.records.folder import DEFAULT_ROOT, RunFolder, slug
from ravine.records.metrics import MetricsWriter

WATCH = "watch.json"


@dataclass(slots=True)
class Record:
    """Where a record will lie; the folder is made with the first row, so that a program without training leaves none.

    Attributes:
        folder: Its folder.
        program: What is watched.
        made: Whether there is anything on the disk.
    """

    folder: RunFolder
    program: str
    made: bool = False

    @classmethod
    def at(cls, path: Path | None, program: str) -> Record:
        """A record in `path`, or in runs/watch-PROGRAM-DATE-TIME.

        The path is made absolute, since the program may change its folder.

        Raises:
            BadRun: `path` already holds a record.
        """
        if path is None:
            stem = f"watch-{slug(program)}-{time.strftime('%Y%m%d-%H%M%S')}"
            tries = (DEFAULT_ROOT / (stem if n == 1 else f"{stem}-{n}") for n in range(1, 1000))
            path = next(one for one in tries if not one.exists())
        folder = RunFolder(path.absolute())
        if folder.metrics.exists():
            raise BadRun(f"{path}: already holds a record. Choose another --run-dir.")
        return cls(folder, program)

    def open(self) -> MetricsWriter:
        """Make the folder and the writer of its rows."""
        with explained(self.folder.path):
            self.folder.path.mkdir(parents=True, exist_ok=True)
        self.made = True
        self.note(status="running")
        return MetricsWriter(self.folder.metrics)

    def note(self, **known: Any) -> None:
        """Write whose record it is, and what is known of it now."""
        if self.made:
            whose = {
                "program": self.program,
                "command": shlex.join(sys.orig_argv),
                "process": os.getpid(),
                "written": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            write_json(self.folder.path / WATCH, whose | known)
