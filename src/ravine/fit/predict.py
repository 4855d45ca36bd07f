"""A trained model on new rows: from a source to a file of answers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadData, BadValue
from ravine.core.files import whole_file
from ravine.data.provided import Provided
from ravine.data.raw import Arrays, Images, Inputs, Raw, Table
from ravine.data.sources.opening import open_source
from ravine.data.task import Kind, Task, encode_targets
from ravine.fit.evaluate.scores import scores
from ravine.fit.intervals import Bootstrap
from ravine.fit.model import Model, Predictions
from ravine.fit.model_folder import load_model
from ravine.records.folder import RunFolder
from ravine.report.numbers import interval_text, label, value_text
from ravine.train.recipe import DataChoices, Recipe

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")
"""What predictions can be written as; the last three are one JSON object a line."""


def predict_file(run: Path, source: str, output: Path | None = None, *, target: str | None = None) -> str:
    """Predict the rows of `source` and write the answers, one row each, in their order.

    Columns: `id`; `prediction`; for classes and labels `p_NAME`, the probability of each; for
    numbers `low` and `high`, which hold the truth nine times in ten (with several targets,
    each column ends in the target's name).

    Args:
        run: Folder of the run, or its name inside `runs/`.
        source: As for `ravine fit`, with or without answers.
        output: File to write, its form by its ending (`ENDINGS`); None gives CSV back.
        target: Column with the answers, when it is not called as in training.

    Returns: What was written and, where the source has answers, how good the predictions are;
    without `output` the CSV itself.

    Raises:
        BadRun: No such run, no finished model in it, or the file cannot be written.
        BadData: Rows that the model cannot read.
        BadValue: Another ending.
    """
    if output is not None:
        _check_ending(output)
    folder = RunFolder.open(run)
    model = load_model(folder.model)
    choices = Recipe.read(folder.recipe).data
    rows = open_rows(model, source, choices=choices, target=target)
    outputs = model.outputs(rows)
    answers = as_table(model.read(outputs), rows.ids)
    if output is None:
        return _csv(answers)
    with whole_file(output) as file:
        _write(answers, file, output.suffix.lower())
    said = [f"{output}: {len(rows):,} rows predicted", *model.preparation.notes(rows.inputs)]
    judged = _judged(model, rows, outputs)
    if judged and source == choices.source:
        judged.append("most of these rows were trained on, which flatters the model; the report has the test")
    return "\n".join([*said, *judged])


def open_rows(
    model: Model, data: Any, *, choices: DataChoices | None = None, target: str | Sequence[str] | None = None
) -> Raw:
    """Rows to predict, read the way the model's own data were.

    Args:
        model: Says the names of the targets and the size of pictures.
        data: Anything `ravine.fit` takes, or rows that are open already.
        choices: Of the run: which columns name, group and order rows.
        target: Column or columns with the answers, when not called as in training.

    Raises:
        BadData: Torch data sets and loaders, which have no rows to show; unreadable sources.
    """
    if isinstance(data, Raw):
        return data
    if isinstance(data, Table | Images | Arrays):
        return _bare(data)
    choices = choices if choices is not None else DataChoices()
    aside = [column for column in (choices.group, choices.time) if column is not None]
    shape = model.preparation.shape
    opened = open_source(
        data,
        target=target or choices.target or _target_names(model.task),
        drop=[*choices.drop, *aside],
        id=choices.id,
        delimiter=choices.delimiter,
        image_size=(shape.height, shape.width) if shape.form == "image" else None,
        need_target=False,
    )
    if isinstance(opened, Provided):
        raise BadData(
            f"{opened.name}: gives torch data sets or loaders, whose rows have no names. "
            "Give a file, arrays or a table."
        )
    return opened


def as_table(predictions: Predictions, ids: Any) -> pl.DataFrame:
    """Predictions as a table: id, prediction, and how sure."""
    import polars as pl

    columns: dict[str, Any] = {"id": pl.Series(ids)}
    if predictions.probabilities is not None:
        columns["prediction"] = predictions.labels
        # Outputs have the digits of float32; more would only look exact.
        for place, name in enumerate(predictions.task.classes):
            columns[f"p_{name}"] = pl.Series(predictions.probabilities[:, place], dtype=pl.Float32)
        return pl.DataFrame(columns)
    assert predictions.values is not None
    targets = predictions.task.targets
    for place, target in enumerate(targets):
        end = f"_{target}" if len(targets) > 1 else ""
        columns[f"prediction{end}"] = predictions.values[:, place]
        if predictions.low is not None and predictions.high is not None:
            columns[f"low{end}"], columns[f"high{end}"] = predictions.low[:, place], predictions.high[:, place]
    return pl.DataFrame(columns)


def _bare(inputs: Inputs) -> Raw:
    import numpy as np

    return Raw(name="rows", origin="", inputs=inputs, targets=None, ids=np.arange(1, len(inputs) + 1))


def _target_names(task: Task) -> list[str]:
    """Columns that held the targets; one class spelt by a 1 in one of several columns has the classes' names."""
    return list(task.classes) if task.kind is Kind.CLASSIFY and task.targets == ("class",) else list(task.targets)


def _check_ending(output: Path) -> None:
    ending = output.suffix.lower()
    if ending not in ENDINGS:
        raise BadValue(
            f"{output}: predictions are written as {', '.join(ENDINGS)}; got the ending {ending!r}."
            f"{did_you_mean(ending, ENDINGS)}"
        )


def _csv(table: pl.DataFrame) -> str:
    file = io.BytesIO()
    table.write_csv(file)
    return file.getvalue().decode().rstrip("\n")


def _write(table: pl.DataFrame, file: IO[bytes], ending: str) -> None:
    if ending == ".parquet":
        table.write_parquet(file)
    elif ending in (".csv", ".tsv"):
        table.write_csv(file, separator="\t" if ending == ".tsv" else ",")
    else:
        table.write_ndjson(file)


def _judged(model: Model, rows: Raw, outputs: Any) -> list[str]:
    """How good the predictions are, where the source has answers that the model can be asked about."""
    if rows.targets is None:
        return [finding.evidence for finding in rows.findings if finding.symptom == "misses-answers"]
    try:
        target = encode_targets(model.task, rows.targets)
    except BadData as error:
        return [f"not compared with the answers there: {error}"]
    found = scores(model.answers(outputs, target), Bootstrap(len(rows)))
    told = []
    for score in found:
        if score.value is not None and ":" not in score.name:
            interval = interval_text(score)
            told.append(f"{label(score.name)} {value_text(score)}{f' ({interval})' if interval else ''}")
    return [f"against the answers there, with 95% intervals: {', '.join(told)}"]
