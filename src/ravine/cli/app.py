"""The table of verbs; each lives in the file of its name."""

from __future__ import annotations

from typing import Annotated

import typer

from ravine.cli import (
    check,
    diagnose,
    explain,
    export,
    find_lr,
    fit,
    gradcheck,
    optimizers,
    predict,
    probe,
    race,
    report,
    resume,
    runs,
    schedules,
    show_augment,
    transfer,
    watch,
)
from ravine.cli.verb import DebugOption, Group

app = typer.Typer(
    name="ravine",
    cls=Group,
    help="Train neural networks, and see why a training goes well or badly.",
    epilog="Start with:  [bold]ravine fit digits[/bold]",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _verb, _panel, _epilog in (
    (fit.fit, "Train", fit.EXAMPLES),
    (transfer.transfer, "Train", transfer.EXAMPLES),
    (resume.resume, "Train", None),
    (find_lr.find_lr, "Train", find_lr.EXAMPLES),
    (predict.predict, "Use", predict.EXAMPLES),
    (export.export, "Use", export.EXAMPLES),
    (runs.runs, "Look", None),
    (report.report, "Look", None),
    (diagnose.diagnose, "Look", diagnose.EXAMPLES),
    (check.check, "Look", check.EXAMPLES),
    (probe.probe, "Look", probe.EXAMPLES),
    (gradcheck.gradcheck, "Look", gradcheck.EXAMPLES),
    (show_augment.show_augment, "Look", show_augment.EXAMPLES),
    (optimizers.optimizers, "Learn", optimizers.EXAMPLES),
    (schedules.schedules, "Learn", schedules.EXAMPLES),
    (explain.explain, "Learn", explain.EXAMPLES),
    (race.race, "Learn", race.EXAMPLES),
):
    app.command(rich_help_panel=_panel, epilog=_epilog)(_verb)

app.command(cls=watch.Program, rich_help_panel="Look", epilog=watch.EXAMPLES)(watch.watch)


def _version(wanted: bool) -> None:
    if wanted:
        from ravine.core.version import VERSION

        typer.echo(f"ravine {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    _debug: DebugOption = False,
) -> None:
    """Train neural networks, and see why a training goes well or badly."""
