"""`ravine export`: the finished network in a form other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ravine.cli.verb import DebugOption, RunArgument, run_path
from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue

FORMS = ("pt2", "onnx", "state-dict")

EXAMPLES = """[bold]Examples[/bold]

  ravine export digits-20260101-120000 --to onnx -o digits.onnx"""


def export(
    run: RunArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORM",
            help="pt2 (torch.export), onnx, or state-dict (safetensors).",
            autocompletion=lambda: list(FORMS),
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to. Default: in the run.", show_default=False),
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Write the finished network in a form other programs run."""
    if to not in FORMS:
        raise BadValue(f"export: unknown form {to!r}.{did_you_mean(to, FORMS)} Known: {', '.join(FORMS)}.")
    path = run_path(run)

    from ravine.fit.export import export as write

    typer.echo(str(write(path, to, output)))
