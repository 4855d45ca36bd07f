"""`ravine predict`: what a trained network says about new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ravine.cli.verb import DebugOption, RunArgument, run_path

EXAMPLES = """[bold]Examples[/bold]

  ravine predict runs/houses-20260101-120000 new-houses.csv -o prices.csv

  ravine predict digits-20260101-120000 scans/ -o digits.csv"""


def predict(
    run: RunArgument,
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Rows as they were for fit, with or without answers.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write: .csv, .tsv, .parquet or .jsonl. Default: CSV on standard output.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="Column with the answers, to be compared with.", show_default=False),
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Predict the rows of DATA: probabilities or intervals, with their ids."""
    path = run_path(run)

    from ravine.fit.predict import predict_file

    text = predict_file(path, data, output, target=target)
    typer.echo(text, nl=not text.endswith("\n"))
