"""`ravine race`: optimizers side by side on a surface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue

if TYPE_CHECKING:
    from ravine.landscape import Race

EXAMPLES = """[bold]Examples[/bold]

  ravine race --surface rosenbrock --optimizers sgd,momentum,nesterov,adam -o race.png

  ravine race --optimizers momentum:momentum=0.5,momentum:momentum=0.99 --lr 0.1 -o race.gif

  ravine race --surface beale --optimizers adam,lookahead:base=adam --steps 500 -o race.html"""


def race(
    surface: Annotated[
        str,
        typer.Option(
            "--surface",
            metavar="NAME",
            help="ravine, saddle-point, monkey-saddle, local-minimum, rosenbrock, beale, himmelblau, rastrigin or "
            "styblinski-tang.",
        ),
    ] = "ravine",
    optimizers: Annotated[
        str,
        typer.Option(
            "--optimizers",
            metavar="NAMES",
            help="Names between commas, as `ravine optimizers` lists them; with hyperparameters: "
            "momentum:momentum=0.99; around another: lookahead:base=adam.",
        ),
    ] = "sgd,momentum,nesterov,adam",
    lr: Annotated[
        str,
        typer.Option(
            "--lr", metavar="NUMBERS", help="One learning rate, one for each between commas, or search for the best."
        ),
    ] = "search",
    steps: Annotated[int, typer.Option("--steps", metavar="NUMBER", help="How many.")] = 200,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="X,Y",
            help="Where to start: --start=-1.2,1. Default: the surface's own.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            help="Of the start's height above the lowest minimum, at which a contestant is there.",
        ),
    ] = 1e-3,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Draw into a picture (.png), an animation (.gif) or an interactive page (.html). Repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object with every path instead of a table.")
    ] = False,
    _debug: DebugOption = False,
) -> None:
    """Race optimizers on a surface, all in one batched run, and show who is there in how many steps."""
    names = [name.strip() for name in optimizers.split(",") if name.strip()]
    rates: list[float] | Literal["search"] = "search" if lr.strip() == "search" else _numbers("--lr", lr)
    begin = None if start is None else _numbers("--start", start)
    files = output or []

    from ravine.landscape import race as run
    from ravine.landscape.saving import check_suffix

    for file in files:
        check_suffix(file)
    found = run(surface, names, lr=rates, steps=steps, start=begin, tolerance=tolerance)
    written = [found.save(file) for file in files]
    if as_json:
        import json

        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        _print(found, written)


def _print(found: Race, written: list[Path]) -> None:
    x, y = found.start
    rates = f"the best of {found.searched} learning rates each" if found.searched else "learning rates as given"
    typer.echo(f"{found.surface.name}: {found.surface.formula}")
    typer.echo(f"{found.steps} steps from ({x:g}, {y:g}); {rates}; there at a loss of {found.target:.4g} or less\n")
    typer.echo(found.table())
    typer.echo()
    for file in written:
        typer.echo(f"drawn into {file}")
    if not written:
        typer.echo("A picture, an animation or a page of it: -o race.png, race.gif or race.html")


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        also = " or the word search" if option == "--lr" else ""
        raise BadValue(f"{option}: must be numbers between commas{also}; got {text!r}.") from None
