"""`ravine watch`: run any PyTorch program, and say what is wrong with its training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ravine.cli.verb import DebugOption, QuietOption
from ravine.core.errors import BadValue, refusal

if TYPE_CHECKING:
    from ravine.diagnose.doctor import Diagnosis
    from ravine.records.history import History

EXAMPLES = """[bold]Examples[/bold]

  ravine watch train.py --epochs 10

  ravine watch --quiet --json verdict.json -m project.train

  torchrun --nproc-per-node 4 -m ravine watch train.py"""


class Program(TyperCommand):
    """A command whose last words are a program's own: its options are left to it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read our options up to the program."""
        return super().parse_args(ctx, self._parted(args))

    def _parted(self, args: list[str]) -> list[str]:
        """`args` with "--" where the program's own words begin."""
        flags = {name for option in self.params if getattr(option, "is_flag", False) for name in option.opts}
        place = 0
        while place < len(args):
            word = args[place]
            if word == "--":
                return args
            if word in ("-m", "--module"):
                place += 2
                break
            if not word.startswith("-") or word == "-":
                break
            place += 1 if word in flags or word in ("-h", "--help") or "=" in word else 2
        return [*args[:place], "--", *args[place:]]


def watch(
    program: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROGRAM [ARGS]...", help="A Python file, and its own words.", show_default=False),
    ] = None,
    module: Annotated[
        str | None,
        typer.Option("--module", "-m", metavar="NAME", help="A module instead, as python -m.", show_default=False),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            "--run-dir",
            metavar="FOLDER",
            help="Where the record goes. Default: runs/watch-PROGRAM-TIME.",
            show_default=False,
        ),
    ] = None,
    overhead: Annotated[
        str, typer.Option("--overhead", metavar="SHARE", help="Of the time, for costly measurements: 2% or 0.02.")
    ] = "2%",
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the verdict as JSON.", show_default=False),
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a page with the evidence on the curves.", show_default=False
        ),
    ] = None,
    quiet: QuietOption = False,
    _debug: DebugOption = False,
) -> None:
    """Run PROGRAM as python would, watch its training, and name what is wrong with it.

    Its numbers, its output and its exit code stay its own; findings are told on standard error.
    """
    words = list(program or [])
    if module is None and not words:
        raise BadValue("watch: name a program: ravine watch train.py, or ravine watch -m module.")
    from ravine.watch.session import watch_program

    watch_program(
        module if module is not None else words[0],
        words if module is not None else words[1:],
        module=module is not None,
        run_dir=run_dir,
        overhead=_share(overhead),
        quiet=quiet,
        json_file=json_file,
        html_file=html_file,
        write_html=_write_html,
    )


def _write_html(path: Path, history: History, diagnosis: Diagnosis) -> None:
    from ravine.report.diagnosis import write_diagnosis

    write_diagnosis(path, history, diagnosis)


def _share(text: str) -> float:
    """A share from "2%" or "0.02"."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise BadValue(refusal("watch", "--overhead", "be a share of the time, such as 2% or 0.02", text))
    return share
