"""`ravine diagnose`: read the log of any training, and say what is wrong with it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption, QuietOption
from ravine.core.errors import BadValue, RavineError, refusal

if TYPE_CHECKING:
    from ravine.diagnose.doctor import Diagnosis
    from ravine.records.history import History

_TASKS = ("classification", "regression")
_FOUND, _UNREAD = 1, 2
_WIDEST = 100

EXAMPLES = """[bold]Examples[/bold]

  ravine diagnose lightning_logs/version_0/metrics.csv

  ravine diagnose runs/events.out.tfevents.1700000000.host --classes 10

  ravine diagnose baseline.csv wider.csv --html compared.html"""


def diagnose(
    logs: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOG...",
            help="Of a training: CSV, JSON, JSON Lines, TensorBoard events, MLflow, trainer_state.json, text, a run.",
            show_default=False,
        ),
    ],
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the diagnosis as JSON; - prints it.", show_default=False),
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a page with the evidence on the curves.", show_default=False
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="classification or regression.", show_default=False),
    ] = None,
    classes: Annotated[
        int | None, typer.Option("--classes", metavar="N", help="How many classes there are.", show_default=False)
    ] = None,
    val_rows: Annotated[
        int | None, typer.Option("--val-rows", metavar="N", help="Rows of the validation part.", show_default=False)
    ] = None,
    lower_is_better: Annotated[
        list[str] | None,
        typer.Option(
            "--lower-is-better",
            metavar="NAME",
            help="A metric whose name does not tell; repeatable.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Name everything that could not be told.")] = False,
    quiet: QuietOption = False,
    _debug: DebugOption = False,
) -> None:
    """Read the LOG of any training, and name what is wrong with it; several are compared.

    Exit code: 0 healthy, or nothing could be told; 1 findings; 2 a log could not be read.
    """
    known = _known(task, classes, val_rows, lower_is_better or [])
    histories, unread = _histories(logs)
    for history in histories:
        if known:
            history.add({"kind": "about", "step": 0, **known})

    from ravine.diagnose.doctor import diagnose as look

    diagnoses = [look(history) for history in histories]
    if histories:
        _tell(histories, diagnoses, every=every, quiet=quiet, json_file=json_file, html_file=html_file)
    for error in unread:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (standard error is how a command speaks of errors)
    if unread:
        raise typer.Exit(_UNREAD)
    if any(one.verdict == "findings" for one in diagnoses):
        raise typer.Exit(_FOUND)


def _known(task: str | None, classes: int | None, val_rows: int | None, lower: list[str]) -> dict[str, Any]:
    """What the user says of the training, as a row about it."""
    if task is not None and task not in _TASKS:
        raise BadValue(refusal("diagnose", "--task", f"be {' or '.join(_TASKS)}", task))
    if classes is not None and classes < 2:
        raise BadValue(refusal("diagnose", "--classes", "be at least 2", classes))
    if val_rows is not None and val_rows < 1:
        raise BadValue(refusal("diagnose", "--val-rows", "be at least 1", val_rows))
    from ravine.records.readers.names import meaning

    names = [meaning(name).metric or name for name in lower]
    known = {"task": task, "classes": classes, "val_rows": val_rows, "lower_is_better": names or None}
    return {name: value for name, value in known.items() if value is not None}


def _histories(logs: list[Path]) -> tuple[list[History], list[RavineError]]:
    """The runs of all logs, and the errors of those that cannot be read."""
    from ravine.records.readers import read_histories

    found: list[History] = []
    unread: list[RavineError] = []
    for log in logs:
        try:
            found += read_histories(log)
        except RavineError as error:
            unread.append(error)
    return found, unread


def _tell(
    histories: list[History],
    diagnoses: list[Diagnosis],
    *,
    every: bool,
    quiet: bool,
    json_file: Path | None,
    html_file: Path | None,
) -> None:
    from ravine.report.diagnosis_text import diagnoses_text, diagnosis_text

    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
    to_stdout = json_file is not None and str(json_file) == "-"
    if not quiet and not to_stdout:
        if len(histories) == 1:
            typer.echo(diagnosis_text(histories[0], diagnoses[0], every=every, width=width))
        else:
            typer.echo(diagnoses_text(histories, diagnoses, every=every, width=width))
    if json_file is not None:
        _write_json(json_file, histories, diagnoses)
    if html_file is not None:
        from ravine.report.diagnosis import write_diagnoses

        write_diagnoses(html_file, histories, diagnoses)
        if not quiet and not to_stdout:
            typer.echo(f"\nThe page: {html_file}")


def _write_json(path: Path, histories: list[History], diagnoses: list[Diagnosis]) -> None:
    import json

    from ravine.core.files import plain, write_json

    value = _as_json(histories, diagnoses)
    if str(path) == "-":
        typer.echo(json.dumps(plain(value), indent=1, allow_nan=False))
    else:
        write_json(path, value)


def _as_json(histories: list[History], diagnoses: list[Diagnosis]) -> dict[str, Any]:
    """One diagnosis as it is; several under "runs", with the worst verdict of them and how they compare."""
    runs = [
        {
            **diagnosis.to_json(),
            "source": history.source,
            "columns": [{"theirs": one.theirs, "ours": one.ours or None, "how": one.how} for one in history.mapping],
            "notes": list(history.notes),
        }
        for history, diagnosis in zip(histories, diagnoses, strict=True)
    ]
    if len(runs) == 1:
        return runs[0]
    from ravine.report.diagnosis_compare import compared

    verdicts = {diagnosis.verdict for diagnosis in diagnoses}
    worst = next(verdict for verdict in ("findings", "healthy", "cannot-tell") if verdict in verdicts)
    return {"verdict": worst, "runs": runs, "comparison": [one.to_json() for one in compared(histories)]}
