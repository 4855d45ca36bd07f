"""`ravine runs`: the runs there are, newest first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ravine.cli.verb import DebugOption
from ravine.core.files import plain
from ravine.records.folder import DEFAULT_ROOT
from ravine.records.runs import RunSummary, find_runs

_COLORS = {"done": "green", "running": "cyan", "interrupted": "yellow", "broken off": "yellow"}
_WIDE = 200  # columns when the output is no terminal: nothing is cut off in a file or a pipe


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the runs lie.")] = DEFAULT_ROOT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
    _debug: DebugOption = False,
) -> None:
    """List the runs in FOLDER, newest first."""
    found = find_runs(folder)
    if as_json:
        typer.echo(json.dumps(plain([run.to_json() for run in found]), indent=1, ensure_ascii=False))
    elif not found:
        typer.echo(f"no runs in {folder}/ yet. Make one: ravine fit digits")
    else:
        _print(found)


def _print(found: list[RunSummary]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("run", "data", "model", "status"):
        table.add_column(header, overflow="fold")
    table.add_column("metric")
    for header in ("epochs", "time", "started"):
        table.add_column(header, justify="right", no_wrap=True)
    for run in found:
        table.add_row(
            Text(run.name),
            Text(run.data),
            Text(run.model),
            Text(run.status, style=_COLORS.get(run.status, "red")),
            Text(metric(run)),
            "" if run.epochs is None else str(run.epochs),
            "" if run.seconds is None else duration(run.seconds),
            moment(run.started),
        )
    console.print(table)
    for run in found:
        if run.fault:
            console.print(Text(f"{run.name}: {run.fault}", style="red"), soft_wrap=True)
    if any(run.status in ("interrupted", "broken off") for run in found):
        console.print("A run that stopped early goes on with: ravine resume RUN", soft_wrap=True)


def metric(run: RunSummary) -> str:
    """The metric in words: "accuracy 0.9861 [0.968, 0.995]", "r2 0.41 (val)"."""
    if run.value is None:
        return ""
    text = f"{run.metric} {run.value:.4f}"
    if run.low is not None and run.high is not None:
        text += f" [{run.low:.3f}, {run.high:.3f}]"
    return text if run.part == "test" else f"{text} ({run.part})"


def duration(seconds: float) -> str:
    """So long, in the unit that fits.

    >>> duration(7.31), duration(83), duration(7260)
    ('7.3 s', '1 min 23 s', '2 h 1 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(seconds: float) -> str:
    """A time of day on this machine's clock."""
    from datetime import datetime

    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
