"""`ravine schedules`: the catalogue of schedules, and what one looks like over a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue, refusal

if TYPE_CHECKING:
    from ravine.schedules.chart import Chart

_WIDE = 160  # columns when the output is no terminal: nothing is cut off in a file or a pipe
_BESIDE = 10  # columns that numbers and axis take beside a plot

EXAMPLES = """[bold]Examples[/bold]

  ravine schedules

  ravine schedules --plot "warmup(5%) > cosine" --plot one-cycle -o rates.png

  ravine schedules --plot "step(every=30 epochs)" --epochs 90 --steps 36000"""


def schedules(
    plot: Annotated[
        list[str] | None,
        typer.Option(
            "--plot",
            metavar="SCHEDULE",
            help='Draw one: a name, or a text such as "warmup(5%) > cosine". Repeatable: into the same axes.',
            show_default=False,
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", metavar="NUMBER", help="Of the run to draw it over.")] = 1000,
    epochs: Annotated[int, typer.Option("--epochs", metavar="NUMBER", help="In that run.")] = 100,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="NUMBER", help="Samples of a step.")] = 128,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw it into a picture (.png) too.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON array: the catalogue, or every step of what is drawn.")
    ] = False,
    _debug: DebugOption = False,
) -> None:
    """List the schedules of the learning rate: name, formula, example, source; or draw some over a run."""
    if not plot:
        if output is not None:
            raise BadValue("schedules: -o draws what --plot names. Try: --plot cosine -o cosine.png")
        _print_catalogue(as_json=as_json)
        return
    from ravine.core.files import write_whole

    if output is not None and output.suffix.lower() != ".png":
        raise BadValue(refusal("schedules", "--output", "end in .png", str(output)))
    chart = _chart(tuple(plot), steps, epochs, batch_size)
    if output is not None:
        write_whole(output, chart.png())
    if as_json:
        _print_numbers(chart)
        return
    from rich.console import Console

    console = Console()
    columns = min(console.width, 100) - _BESIDE if console.is_terminal else 72
    console.print(chart.terminal(max(columns, 20)), soft_wrap=True)
    if output is not None:
        typer.echo(f"drawn into {output}")


def _chart(texts: tuple[str, ...], steps: int, epochs: int, batch_size: int) -> Chart:
    from ravine.core.time import Clockwork
    from ravine.schedules.chart import Chart

    for name, number in (("--steps", steps), ("--epochs", epochs), ("--batch-size", batch_size)):
        if number < 1:
            raise BadValue(refusal("schedules", name, "be at least 1", number))
    if epochs > steps:
        raise BadValue(refusal("schedules", "--epochs", f"be at most {steps:,}, the number of steps", epochs))
    run = Clockwork(total_steps=steps, steps_per_epoch=max(1, steps // epochs), batch_size=batch_size)
    return Chart(texts, run)


def _print_numbers(chart: Chart) -> None:
    import json

    rows: list[dict[str, Any]] = []
    for text, schedule in zip(chart.texts, chart.schedules, strict=True):
        at = range(chart.run.total_steps)
        row: dict[str, Any] = {"schedule": text, "fitted": str(schedule), "factors": [schedule(t) for t in at]}
        if schedule.cycles_momentum:
            row["momenta"] = [schedule.momentum_at(t) for t in at]
        rows.append(row)
    typer.echo(json.dumps(rows, ensure_ascii=False))


def _print_catalogue(*, as_json: bool) -> None:
    from ravine.cli.schedule_page import schedules as known

    kinds = known()
    if as_json:
        import json

        rows = [
            {"name": name, "formula": kind.formula, "example": kind.example, "source": str(kind.source)}
            for name, kind in kinds.items()
        ]
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("formula", overflow="fold", ratio=3)
    table.add_column("example", overflow="fold", ratio=2)
    table.add_column("source", overflow="fold", ratio=1)
    for name, kind in kinds.items():
        source = f"{kind.source.authors} {kind.source.year}"
        table.add_row(Text(name, style="bold"), Text(kind.formula), Text(kind.example), Text(source))
    console.print(table)
    console.print(
        "One after the other: warmup(5%) > cosine    At once: warmup * step    Again: repeat(cosine, times=4)"
    )
    console.print("Lengths: 300 steps, 2 epochs, 10_000 samples, 5% of the run", markup=False)
    console.print('All about one: ravine explain NAME. Drawn: ravine schedules --plot "warmup(5%) > cosine"')
