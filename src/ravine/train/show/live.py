"""The live display of a training on a terminal: numbers, small curves, speed and time left."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ravine.records.finding import Finding, Severity
from ravine.train.show.words import duration, falls_by_factors, number, seconds_left, spark

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

_TEXT_AT = 13  # where the text of a summary's line begins
_COLOURS = {Severity.NOTE: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "red"}


class Live:
    """Steps as lines, and below them a panel that redraws while the network trains."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._live: RichLive | None = None

    def step(self, title: str, text: str) -> None:
        """See `Show`."""
        self.console.print(_line(Text(title, style="bold"), Text(text)))

    def finding(self, finding: Finding) -> None:
        """See `Show`."""
        title = Text(finding.severity.value, style=f"bold {_COLOURS[finding.severity]}")
        text = Text.assemble((finding.symptom, "bold"), ": ", finding.evidence, " ", (finding.advice, "dim"))
        self.console.print(_line(title, text))

    def attach(self, trainer: Trainer) -> None:
        """See `Show`."""
        for event in ("start", "look", "epoch_end"):
            trainer.on(event, self._draw)
        trainer.on("end", self._end)

    def close(self, text: str) -> None:
        """See `Show`."""
        self._stop()
        self.console.print()
        for line in text.splitlines():
            self.console.print(Text("\n".join(_wrapped(line, self.console.width))), soft_wrap=True)

    def _draw(self, trainer: Trainer) -> None:
        if self._live is None:
            self._live = RichLive(console=self.console, auto_refresh=False)
            self._live.start()
        self._live.update(training_panel(trainer), refresh=True)

    def _end(self, trainer: Trainer) -> None:
        self._draw(trainer)
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def training_panel(trainer: Trainer) -> RenderableType:
    """The state of a training as one panel."""
    done, total = trainer.step, trainer.total_steps
    row = trainer.rows[-1] if trainer.rows else {}
    epoch = min(trainer.epoch + 1, math.ceil(trainer.epochs))
    speed = f"{row['samples_per_second']:,.0f} rows/s" if row else ""
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column()
    head.add_column(ratio=1)
    head.add_column(justify="right")
    left = duration(seconds_left(done, total, trainer.elapsed()))
    head.add_row(
        Text(f"epoch {epoch}/{trainer.epochs:.0f}", style="bold"),
        ProgressBar(total=total, completed=done, complete_style="cyan", finished_style="green"),
        Text(f"{speed}  {left} left" if done < total else f"{speed}  {duration(trainer.elapsed())}"),
    )
    body = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="dim")
    body.add_column("")
    for side in ("train", "validation"):
        body.add_column(side, justify="right")
        body.add_column("", min_width=24, no_wrap=True)
    for name in _metric_names(trainer):
        cells: list[RenderableType] = [Text(name.replace("_", " "))]
        for side, colour in (("train", "blue"), ("val", "magenta")):
            key = f"{side}_{name}"
            curve = [epoch_row[key] for epoch_row in trainer.rows if key in epoch_row]
            cells += [
                Text(number(name, row.get(key)), style="bold"),
                Text(spark(curve, log=falls_by_factors(name)), style=colour),
            ]
        body.add_row(*cells)
    return Panel(Group(head, body, Text(_foot(trainer), style="dim")), border_style="dim", padding=(0, 1))


def _metric_names(trainer: Trainer) -> list[str]:
    seen: dict[str, None] = {"loss": None}
    for row in trainer.rows[-1:]:
        seen.update((name.partition("_")[2], None) for name in row if name.startswith(("train_", "val_")))
    return list(seen)


def _foot(trainer: Trainer) -> str:
    parts = [f"learning rate {trainer.lr:.2e}"]
    keeper = trainer.keeper
    if keeper.best is not None and trainer.watch is not None:
        best = number(trainer.watch, keeper.best)
        parts.append(f"best {trainer.watch.replace('_', ' ')} {best} at epoch {keeper.best_epoch}")
        if keeper.patience is not None and keeper.epochs_since:
            parts.append(f"{keeper.epochs_since}/{keeper.patience} epochs without gain")
    return " · ".join(parts)


def _wrapped(line: str, width: int) -> list[str]:
    """A line of the summary in lines of at most `width`, what follows set under where its text begins."""
    indent = " " * _TEXT_AT if line.startswith("  ") else ""
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _line(title: Text, text: Text) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(min_width=10)
    grid.add_column()
    grid.add_row(title, text)
    return grid
