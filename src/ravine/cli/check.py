"""`ravine check`: a few measurements on copies of somebody's live model, before a long training."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption, QuietOption
from ravine.core.errors import BadValue, refusal

if TYPE_CHECKING:
    from ravine.check.checkup import Checkup

FOUND, STOPPED = 1, 130
_WIDEST = 100

EXAMPLES = """[bold]Examples[/bold]

  ravine check mine.py:setup

  ravine check mine.py:setup --only first-loss,overfit-one-batch

  ravine check mine.py:setup --seconds 300 --html checked.html

  ravine check digits

The function returns (model, loss, data), with the optimizer too if it likes; the data as tensors (x, y), a Dataset or
a DataLoader. Without a loss, the model gives it itself. What each probe asks: ravine explain overfit-one-batch"""


def complete_probe(incomplete: str) -> list[str]:
    """Names of probes that begin with what was typed."""
    from ravine.check.catalogue import PROBES

    return [name for name in PROBES if name.startswith(incomplete)]


def check(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="FILE.PY:FUNCTION",
            help="Who gives model, loss and data; or data as ravine fit takes it, for the network chosen for it.",
            show_default=False,
        ),
    ],
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="PROBE,…",
            help="Ask these alone.",
            autocompletion=complete_probe,
            show_default=False,
        ),
    ] = "",
    skip: Annotated[
        str,
        typer.Option(
            "--skip", metavar="PROBE,…", help="Leave these out.", autocompletion=complete_probe, show_default=False
        ),
    ] = "",
    seconds: Annotated[float, typer.Option("--seconds", metavar="NUMBER", help="For all probes together.")] = 60.0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="NUMBER", help="Of the weights made, and of whatever is drawn.")
    ] = 0,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write all that was found as JSON; - prints it.", show_default=False
        ),
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with the curves measured.", show_default=False),
    ] = None,
    quiet: QuietOption = False,
    _debug: DebugOption = False,
) -> None:
    """Measure a few things on copies of a live model, and name what is wrong with it before it is trained.

    Exit code: 0 healthy, or nothing could be told; 1 findings; 2 it cannot be run; 130 stopped by Ctrl-C, with what was
    found until then.
    """
    if not 0 < seconds < float("inf"):
        raise BadValue(refusal("check", "--seconds", "be above 0", seconds))
    found = _checked(subject, _names(only), _names(skip), seconds=seconds, seed=seed, quiet=quiet)
    _tell(found, quiet=quiet, json_file=json_file, html_file=html_file)
    if found.stopped:
        raise typer.Exit(STOPPED)
    if found.verdict == "findings":
        raise typer.Exit(FOUND)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _checked(subject: str, only: list[str], skip: list[str], *, seconds: float, seed: int, quiet: bool) -> Checkup:
    from ravine.core.user_code import is_spec, split_spec

    if is_spec(subject):
        split_spec(subject)  # a file that is not there is said before torch is loaded
    from ravine.check.check import check as look
    from ravine.check.check import chosen
    from ravine.check.reading import read

    chosen(only, skip)  # and a probe that is unknown before the user's code runs
    given = read(_given(subject, seed), subject)
    with _Showing(quiet) as progress:
        return look(
            given.model,
            given.loss,
            given.data,
            optimizer=given.optimizer,
            only=only,
            skip=skip,
            seconds=seconds,
            seed=seed,
            progress=progress,
            name=subject,
        )


def _given(subject: str, seed: int) -> Any:
    """What the user's function returns; the network that `ravine fit` would choose, where that is data."""
    from ravine.core.user_code import call_user, is_spec

    source: Any = subject
    if is_spec(subject):
        import torch

        torch.manual_seed(seed)
        source = call_user(subject)
        parts = source if isinstance(source, tuple | list) else (source,)
        if any(isinstance(part, torch.nn.Module) for part in parts):
            return source
    from ravine.cli.chosen_network import chosen_network

    _, (module, fields, loss, target) = chosen_network("check", source, "auto", seed=seed)
    return module, loss, (*fields, target)


class _Showing:
    """Which probe is at work: a line that is replaced on a terminal, a line each elsewhere; on standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Callable[[Any, int, int], None]:
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._live and not self._quiet:
            print("\r\033[K", end="", file=sys.stderr, flush=True)  # noqa: T201 (standard error is for progress)

    def _show(self, probe: Any, number: int, of: int) -> None:
        if self._quiet:
            return
        line = f"{number}/{of} {probe.name}"
        begin, end = ("\r\033[K", " …") if self._live else ("", "\n")
        print(f"{begin}{line}", end=end, file=sys.stderr, flush=True)  # noqa: T201


def _tell(found: Checkup, *, quiet: bool, json_file: Path | None, html_file: Path | None) -> None:
    to_stdout = json_file is not None and str(json_file) == "-"
    if not quiet and not to_stdout:
        from ravine.check.text import checkup_text

        width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
        typer.echo(checkup_text(found, width))
    if json_file is not None:
        import json

        from ravine.core.files import plain, write_json

        if to_stdout:
            typer.echo(json.dumps(plain(found.to_json()), indent=1, allow_nan=False))
        else:
            write_json(json_file, found.to_json())
    if html_file is not None:
        from ravine.check.page import write_checkup

        write_checkup(html_file, found)
        if not quiet and not to_stdout:
            typer.echo(f"\nThe page: {html_file}")
