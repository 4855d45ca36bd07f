"""All runs in a folder, summed up one a line; read without pydantic, so that it is quick."""

from __future__ import annotations

import socket
import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ravine.core.errors import BadRun
from ravine.core.files import read_json
from ravine.records.environment import is_alive
from ravine.records.folder import DEFAULT_ROOT, RECIPE, RunFolder

FRESH_SECONDS = 120.0
"""A run whose files were touched so recently counts as running, whatever became of its first process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in a line.

    Attributes:
        name: Name of its folder.
        path: Its folder.
        data: What was read.
        model: Name of the network.
        status: "done", "running", "interrupted", "failed"; "broken off" when it says that it
            runs and nothing does; "damaged" when its files cannot be read.
        metric: Name of the metric shown, "" before there is one.
        value, low, high: The metric on the test part with its 95% interval; on the validation
            part, without interval, as long as there was no test.
        part: "test" or "val"; "" without a metric.
        epochs: Epochs done.
        seconds: Time spent training.
        started: Seconds since 1970 of the recipe file, the first thing a run writes.
        fault: Why it is damaged.
    """

    name: str
    path: Path
    data: str = ""
    model: str = ""
    status: str = ""
    metric: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    part: str = ""
    epochs: int | None = None
    seconds: float | None = None
    started: float = 0.0
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """This line in JSON's own types."""
        return {**asdict(self), "path": str(self.path)}


def find_runs(root: Path = DEFAULT_ROOT) -> list[RunSummary]:
    """The runs in `root`, newest first; `root` may be a run itself.

    A folder that calls itself a run and cannot be read is listed as damaged, never left out.

    Raises:
        BadRun: `root` is there and is no folder, or is not there though it was asked for.
    """
    if (root / RECIPE).is_file():
        return [summary(root)]
    if not root.is_dir():
        if root == DEFAULT_ROOT and not root.exists():
            return []
        raise BadRun(f"{root}: no folder of runs. Runs lie in {DEFAULT_ROOT}/ unless --run-dir said otherwise.")
    try:
        folders = [entry for entry in root.iterdir() if (entry / RECIPE).exists()]
    except OSError as error:
        raise BadRun(f"{root}: cannot be read ({error.strerror}).") from None
    return sorted((summary(folder) for folder in folders), key=lambda run: (-run.started, run.name))


def summary(path: Path) -> RunSummary:
    """One run in a line; a run whose files cannot be read is "damaged", with the reason."""
    folder = RunFolder(path)
    name = path.resolve().name
    try:
        started = folder.recipe.stat().st_mtime
    except OSError:
        started = 0.0
    try:
        recipe = _toml(folder.recipe)
        results = _table(read_json(folder.results), folder.results) if folder.results.exists() else {}
        return _summed_up(folder, name, started, recipe, results)
    except BadRun as error:
        fault = str(error)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        fault = f"{folder.results}: not as this version of Ravine writes it ({error})."
    return RunSummary(name=name, path=path, status="damaged", started=started, fault=fault)


def _summed_up(
    folder: RunFolder, name: str, started: float, recipe: Mapping[str, Any], results: Mapping[str, Any]
) -> RunSummary:
    train, test = results.get("train") or {}, results.get("test") or {}
    status = results.get("status", "running")
    if status == "running" and not _is_running(folder):
        status = "broken off"
    value = low = high = None
    metric = part = ""
    if test:
        metric, part = test["metric"], "test"
        score = {score["name"]: score for score in test["scores"]}[metric]
        value, low, high = score["value"], score.get("low"), score.get("high")
    elif train.get("best_value") is not None:
        metric, part, value = train["metric"], "val", train["best_value"]
    return RunSummary(
        name=name,
        path=folder.path,
        data=str(
            (results.get("data") or {}).get("name") or _table(recipe.get("data", {}), folder.recipe).get("source")
        ),
        model=str(
            (results.get("model") or {}).get("name") or _table(recipe.get("model", {}), folder.recipe).get("name")
        ),
        status=str(status),
        metric=metric,
        value=None if value is None else float(value),
        low=low,
        high=high,
        part=part,
        epochs=train.get("epochs"),
        seconds=train.get("seconds"),
        started=started,
    )


def _is_running(folder: RunFolder) -> bool:
    now = time.time()
    for path in (folder.metrics, folder.results, folder.checkpoints, folder.recipe):
        try:
            if now - path.stat().st_mtime < FRESH_SECONDS:
                return True
        except OSError:
            continue
    try:
        process = read_json(folder.environment)["process"]
        return bool(process["host"] == socket.gethostname() and is_alive(process["pid"]))
    except (BadRun, KeyError, TypeError):
        return False


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRun(f"{path}: cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise BadRun(f"{path}: not valid TOML: {error}.") from None


def _table(value: Any, path: Path) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise BadRun(f"{path}: not as a run writes it (a table was expected).")
