"""What all verbs share: the group that knows them, and options that mean the same everywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue
from ravine.records.folder import DEFAULT_ROOT, RECIPE, RunFolder

if TYPE_CHECKING:
    from ravine.fit.fit import Run

LOOK = "How it looks"


class Interrupted(Exception):
    """A training was stopped and saved, and has said how to go on: nothing is left to say but the exit code."""


class Group(TyperGroup):
    """The verbs; an unknown one suggests the nearest."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb `cmd_name`, or a `BadValue` that names the verbs there are."""
        verb = super().get_command(ctx, cmd_name)
        if verb is None and not ctx.resilient_parsing and not cmd_name.startswith("-"):
            known = ", ".join(self.list_commands(ctx))
            raise BadValue(f"unknown verb {cmd_name!r}.{did_you_mean(cmd_name, self.commands)} Known: {known}.")
        return verb


def complete_run(incomplete: str) -> list[str]:
    """Names of runs in `runs/` that begin with what was typed."""
    folders = DEFAULT_ROOT.glob(f"*/{RECIPE}") if DEFAULT_ROOT.is_dir() else ()
    return sorted(recipe.parent.name for recipe in folders if recipe.parent.name.startswith(incomplete))


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Folder of the run, or its name inside runs/.",
        autocompletion=complete_run,
        show_default=False,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.", rich_help_panel=LOOK)]
PlainOption = Annotated[bool, typer.Option("--plain", help="Plain lines, also on a terminal.", rich_help_panel=LOOK)]
OpenOption = Annotated[
    bool, typer.Option("--open", help="Open the report in the browser at the end.", rich_help_panel=LOOK)
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=LOOK)]

Show = Literal["auto", "rich", "plain", "quiet"]


def show_as(*, quiet: bool, plain: bool) -> Show:
    """How a training shows itself, from the two options that say so."""
    if quiet and plain:
        raise BadValue("--quiet and --plain: give one of the two.")
    return "quiet" if quiet else "plain" if plain else "auto"


def ended(run: Run, *, open_report: bool) -> None:
    """What fit and resume do at the end: show the page if asked to, or tell an interruption to the caller."""
    if run.status == "interrupted":
        raise Interrupted
    if open_report:
        open_page(run.report)


def run_path(run: str) -> Path:
    """The folder of an existing run, by its path or its name."""
    return RunFolder.open(run).path


def open_page(page: Path) -> None:
    """Show `page` in the user's browser, or say that there is none."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        print(f"no browser found to open {page}", file=sys.stderr)  # noqa: T201
