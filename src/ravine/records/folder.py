"""The folder of one run: which file is where."""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from ravine.core.errors import BadRun
from ravine.core.files import explained

RECIPE = "recipe.toml"
DEFAULT_ROOT = Path("runs")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths inside one run folder; nothing is read or written by asking for a path."""

    path: Path

    @property
    def recipe(self) -> Path:
        """Every choice of the run, as TOML; written before anything else."""
        return self.path / RECIPE

    @property
    def metrics(self) -> Path:
        """Rows of the training as they happen, one JSON object a line, append-only."""
        return self.path / "metrics.jsonl"

    @property
    def findings(self) -> Path:
        """What the audit and the doctor found."""
        return self.path / "findings.json"

    @property
    def environment(self) -> Path:
        """Machine, versions and command of the run."""
        return self.path / "environment.json"

    @property
    def results(self) -> Path:
        """What each step of the run found out: the material of the report."""
        return self.path / "results.json"

    @property
    def data_digest(self) -> Path:
        """A digest of the rows that were read: a resumed run must see the same."""
        return self.path / "data.sha256"

    @property
    def checkpoints(self) -> Path:
        """Snapshots to resume from: the last two and the best."""
        return self.path / "checkpoints"

    @property
    def repair(self) -> Path:
        """Of a run that may be repaired: what was tried, and places to go back to."""
        return self.path / "repair"

    @property
    def model(self) -> Path:
        """The finished model: weights as safetensors, everything else as JSON."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """The page to read."""
        return self.path / "report.html"

    @classmethod
    def create(cls, name: str, path: Path | None = None, root: Path = DEFAULT_ROOT) -> RunFolder:
        """Make the folder of a new run: `path`, or `root`/NAME-DATE-TIME made unique.

        Raises:
            BadRun: `path` already holds a run, or cannot be made.
        """
        if path is not None:
            if (path / RECIPE).exists():
                raise BadRun(
                    f"{path}: already holds a run. Choose another --run-dir, or go on with it: ravine resume {path}"
                )
            with explained(path):
                path.mkdir(parents=True, exist_ok=True)
            return cls(path)
        stem = f"{slug(name)}-{time.strftime('%Y%m%d-%H%M%S')}"
        for attempt in range(1000):
            candidate = root / (stem if attempt == 0 else f"{stem}-{attempt + 1}")
            try:
                with explained(candidate):
                    candidate.mkdir(parents=True)
            except BadRun as error:
                if isinstance(error.__cause__, FileExistsError):
                    continue
                raise
            return cls(candidate)
        raise BadRun(f"{root}: holds a thousand runs named {stem}. Give --run-dir.")

    def discard(self) -> None:
        """Remove the records of a run that came to nothing, and the folder where nothing else is in it.

        For a folder that was made for this run: files of these names are taken for its own.
        """
        records = (self.recipe, self.metrics, self.findings, self.environment, self.results, self.report)
        for path in (*records, self.data_digest):
            with contextlib.suppress(OSError):  # the error that ended the run is the one to tell
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """The folder of an existing run; also by its name alone inside `runs/`."""
        for candidate in (Path(path), DEFAULT_ROOT / path):
            if (candidate / RECIPE).is_file():
                return cls(candidate)
        where = Path(path)
        if not where.exists():
            raise BadRun(f"{where}: no such run. `ravine runs` lists the runs there are.")
        raise BadRun(f"{where}: not a Ravine run (it has no {RECIPE}). `ravine runs` lists the runs there are.")


def slug(name: str) -> str:
    """`name` as part of a file name.

    >>> slug("data/My table.csv")
    'my-table'
    """
    stem = re.split(r"[:@]", Path(name).name)[0] if name else ""
    stem = re.sub(r"\.[A-Za-z0-9]+$", "", stem)
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "run"
