"""`ravine.fit`: one call from a source of data to a good network, a record and a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from torch import nn

from ravine.core.errors import BadValue, refusal
from ravine.fit.job import Job, Status
from ravine.fit.model import Model, Predictions
from ravine.fit.model_folder import load_model
from ravine.fit.transfer.job import job_for
from ravine.records.folder import RunFolder
from ravine.records.history import History
from ravine.records.results import Results, Score
from ravine.train.machine import Machine
from ravine.train.outcome import Outcome
from ravine.train.recipe import Recipe, merged
from ravine.train.show import Mode, chosen_show


@dataclass(frozen=True, slots=True)
class Run:
    """A finished (or interrupted) run: its folder, and what is in it."""

    folder: RunFolder
    results: Results = field(repr=False)
    outcome: Outcome | None = field(default=None, repr=False)
    status: Status = "done"
    _model: Model | None = field(default=None, repr=False)

    @property
    def model(self) -> Model:
        """The finished model: raw rows in, answers out."""
        return self._model if self._model is not None else load_model(self.folder.model)

    @property
    def history(self) -> History:
        """The curves of the training."""
        return History.of_run(self.folder.metrics)

    @property
    def report(self) -> Path:
        """The page to read."""
        return self.folder.report

    @property
    def score(self) -> Score | None:
        """The deciding metric on the test rows, with its interval; None before the test."""
        test = self.results.test
        if test is None:
            return None
        return next((score for score in test.scores if score.name == test.metric), None)

    def predict(self, data: Any) -> Predictions:
        """Answers for raw rows; `data` as `ravine.fit` takes it, the target not needed."""
        return self.model.predict(data)


def fit(
    source: Any = None,
    *,
    model: Any = None,
    recipe: str | Path | Recipe | None = None,
    overrides: dict[str, Any] | None = None,
    run_dir: str | Path | None = None,
    show: Mode = "auto",
    **choices: Any,
) -> Run:
    """Train a good network on a source of data.

    Args:
        source: A built-in name, a file, a folder, "file.py:function", or data in memory: (x, y),
            a DataFrame, Datasets or DataLoaders. Default: what the recipe names.
        model: A name as after --model, or a network of your own (`torch.nn.Module`).
        recipe: A TOML file or a `Recipe` to start from.
        overrides: Tables laid over the recipe, such as {"train": {"lr": 0.01}}.
        run_dir: Folder of the run; default runs/NAME-DATE-TIME.
        show: "auto", "rich", "plain" or "quiet".
        choices: Any choice of the recipe by its bare name: epochs=20, target="price", plan="safe".

    Returns:
        The run: `.score`, `.model`, `.predict(rows)`, `.history`, `.report`.

    Raises:
        RavineError: Something given cannot be used; the text says what and what to do.
    """
    if isinstance(source, nn.Module):
        raise BadValue("fit: got a network without data. Give both: ravine.fit((x, y), model=network).")
    base = recipe if isinstance(recipe, Recipe) else Recipe.read(Path(recipe)) if recipe is not None else Recipe()
    tables = merged(base.model_dump(), merged(overrides or {}, placed(choices)))
    if isinstance(model, str):
        tables["model"]["name"] = model
    elif model is not None and not isinstance(model, nn.Module):
        raise BadValue(refusal("fit", "model", "be a name or a torch.nn.Module", type(model).__name__))
    if isinstance(source, str | Path):
        tables["data"]["source"] = str(source)
    chosen = Recipe.of(tables, owner=str(recipe) if isinstance(recipe, str | Path) else "fit")
    asked = chosen.machine
    machine = Machine(asked.accelerator, asked.devices, asked.strategy)
    machine.launch()
    job = job_for(chosen)(
        recipe=chosen,
        machine=machine,
        show=chosen_show(show if machine.speaks else "quiet"),
        given=None if isinstance(source, str | Path) else source,
        own_model=model if isinstance(model, nn.Module) else None,
        run_dir=Path(run_dir) if run_dir is not None else None,
    )
    return _run(job)


def resume(path: str | Path, *, show: Mode = "auto", minutes: float | None = None) -> Run:
    """Go on with an interrupted run as if nothing had happened.

    Args:
        path: The run's folder, or its name inside `runs/`.
        show: As in `fit`.
        minutes: A new limit of time for what is left.

    Raises:
        BadRun: No such run, its data are gone or changed, no snapshot can be used.
    """
    folder = RunFolder.open(path)
    results = Results.read(folder.results)
    recipe = Recipe.read(folder.recipe)
    if results.status == "done":
        chosen_show(show).close(f"{folder.path} is finished already: {folder.report}")
        return Run(folder, results)
    if minutes is not None:
        recipe = Recipe.of(merged(recipe.model_dump(), {"train": {"minutes": minutes}}))
    machine = Machine(recipe.machine.accelerator, recipe.machine.devices, recipe.machine.strategy)
    machine.launch()
    show_ = chosen_show(show if machine.speaks else "quiet")
    return _run(job_for(recipe)(recipe=recipe, machine=machine, show=show_, run_dir=folder.path, resumes=True))


def load(run: str | Path) -> Model:
    """The finished model of a run, by its folder or its name inside `runs/`."""
    return load_model(RunFolder.open(run).model)


def _run(job: Job) -> Run:
    outcome, status = job.run()
    return Run(job.folder, job.results, outcome, status, job.model)


def placed(choices: dict[str, Any]) -> dict[str, Any]:
    """Choices by bare name into the recipe's tables; an unknown one stays at the top, to be refused there.

    >>> placed({"epochs": 3, "seed": 1})
    {'train': {'epochs': 3}, 'seed': 1}
    """
    tables: dict[str, Any] = {}
    for name, value in choices.items():
        home = next((key for key, table in _TABLES.items() if name in table), None)
        if home is None:
            tables[name] = value
        else:
            tables.setdefault(home, {})[name] = value
    return tables


_TABLES: dict[str, Any] = {
    name: table.model_fields
    for name, table in ((name, entry.annotation) for name, entry in Recipe.model_fields.items())
    if isinstance(table, type) and issubclass(table, BaseModel)
}
