"""`ravine resume`: go on with a run that was stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from ravine.cli.verb import (
    DebugOption,
    OpenOption,
    PlainOption,
    QuietOption,
    RunArgument,
    ended,
    run_path,
    show_as,
)
from ravine.core.errors import BadValue


def resume(
    run: RunArgument,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Stop after so many more minutes.", show_default=False)
    ] = None,
    open_report: OpenOption = False,
    quiet: QuietOption = False,
    plain: PlainOption = False,
    _debug: DebugOption = False,
) -> None:
    """Go on with a run that was stopped, from its last checkpoint.

    With the plan "safe" the final weights are those of a run that was never stopped, bit for bit.
    """
    if minutes is not None and not minutes > 0:
        raise BadValue(f"resume: --minutes must be above 0; got {minutes}.")
    show = show_as(quiet=quiet, plain=plain)
    path = run_path(run)

    from ravine.fit.resume import resume as go_on

    ended(go_on(path, show=show, minutes=minutes), open_report=open_report)
