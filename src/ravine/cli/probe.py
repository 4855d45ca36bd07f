"""`ravine probe`: what a network does to a batch before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue, refusal

EXAMPLES = """[bold]Examples[/bold]

  ravine probe digits -o probe.png

  ravine probe table.csv --activation tanh

  ravine probe mine.py:network -o probe.png"""


def probe(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Data, as ravine fit takes it, for the network chosen for it; or file.py:function, which returns "
            "(model, batch), and after these a loss and a target if it likes.",
            show_default=False,
        ),
    ],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The network for data.")] = "auto",
    activation: Annotated[
        str, typer.Option("--activation", metavar="NAME", help="Its activation: relu, tanh, gelu, …")
    ] = "relu",
    rows: Annotated[int, typer.Option("--rows", metavar="NUMBER", help="How many training rows run through.")] = 256,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of the weights and the split.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Draw into a PNG.", show_default=False)
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Show size of the signal, saturated and dead units and gradients of each layer, before any training."""
    if output is not None and output.suffix.lower() != ".png":
        raise BadValue(refusal("probe", "the picture's file", "end in .png", str(output)))
    if rows < 1:
        raise BadValue(refusal("probe", "rows", "be at least 1", rows))
    from ravine.initialize import probe as run

    title, arguments = _subject(subject, model, activation, rows, seed)
    found = run(*arguments)
    typer.echo(f"{title}, {found.batch} rows, before training\n")
    typer.echo(found)
    if output is not None:
        typer.echo(f"\ndrawn into {found.picture(output, f'{title}, before training')}")


def _subject(subject: str, model: str, activation: str, rows: int, seed: int) -> tuple[str, tuple[Any, ...]]:
    """What to call it, and the arguments of `ravine.initialize.probe`."""
    from ravine.core.user_code import call_user, is_spec

    source: Any = subject
    if is_spec(subject):
        from torch import nn

        source = call_user(subject)
        parts = source if isinstance(source, tuple) else (source,)
        if isinstance(parts[0], nn.Module):
            if not 2 <= len(parts) <= 4:
                must = "return (model, batch), (model, batch, loss) or (model, batch, loss, target)"
                raise BadValue(refusal("probe", subject, must, f"{len(parts)} things"))
            return type(parts[0]).__name__, parts
    from ravine.cli.chosen_network import chosen_network

    return chosen_network("probe", source, model, seed=seed, activation=activation, rows=rows)
