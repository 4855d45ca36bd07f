"""`ravine report`: write the page of a run again, from its records."""

from __future__ import annotations

import typer

from ravine.cli.verb import DebugOption, OpenOption, RunArgument, open_page
from ravine.records.folder import RunFolder


def report(run: RunArgument, open_report: OpenOption = False, _debug: DebugOption = False) -> None:
    """Write the page of RUN again from its records, and print where it lies."""
    folder = RunFolder.open(run)

    from ravine.report.page import write_report

    page = write_report(folder)
    typer.echo(str(page))
    if open_report:
        open_page(page)
