"""One line a fact, for pipes, files and terminals that cannot redraw."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from ravine.records.finding import Finding
from ravine.train.show.words import duration, number, seconds_left

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

LINE_SECONDS = 0.5  # epochs shorter than this share a line


class Plain:
    """Prints as things happen; short epochs are thinned to two lines a second."""

    def __init__(self) -> None:
        self._last_line = 0.0

    def step(self, title: str, text: str) -> None:
        """See `Show`."""
        self._print(f"{title:<10} {text}")

    def finding(self, finding: Finding) -> None:
        """See `Show`."""
        self._print(f"{finding.severity.value:<10} {finding.symptom}: {finding.evidence} {finding.advice}".rstrip())

    def attach(self, trainer: Trainer) -> None:
        """See `Show`."""
        trainer.on("epoch_end", self._epoch_line)

    def close(self, text: str) -> None:
        """See `Show`."""
        self._print(text)

    def _epoch_line(self, trainer: Trainer) -> None:
        now = time.perf_counter()
        last = trainer.step >= trainer.total_steps or bool(trainer.stopped_by)
        if now - self._last_line < LINE_SECONDS and not last and len(trainer.rows) > 1:
            return
        self._last_line = now
        row = trainer.rows[-1]
        numbers = [
            f"{name.replace('_', ' ')} {number(name, value)}"
            for name, value in row.items()
            if name.startswith(("train_", "val_"))
        ]
        left = duration(seconds_left(trainer.step, trainer.total_steps, trainer.elapsed()))
        self._print(
            f"epoch {row['epoch']}/{trainer.epochs:.0f}  {'  '.join(numbers)}  "
            f"{row['samples_per_second']:,.0f} rows/s  {left} left"
        )

    def _print(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
