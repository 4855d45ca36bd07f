"""Run folders as a fit leaves them, built without one: the report reads records alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from made.extreme_runs import EVIL, QUOTES, crowded_run, hostile_run
from made.ordinary_runs import ENVIRONMENT, RECIPE, empty_run, labels_run, partial_run, pictures_run, regression_run
from ravine.records.finding import Finding, write_findings
from ravine.records.folder import RunFolder
from ravine.records.results import Results

RUNS: dict[str, Callable[[], tuple[Results, list[dict[str, Any]], list[Finding]]]] = {
    "pictures": pictures_run,
    "regression": regression_run,
    "labels": labels_run,
    "partial": partial_run,
    "empty": empty_run,
    "hostile": hostile_run,
    "crowded": crowded_run,
}


def build(kind: str, path: Path) -> RunFolder:
    """The folder of a run of this kind."""
    folder = RunFolder.create(kind, path)
    results, rows, findings = RUNS[kind]()
    folder.recipe.write_text(RECIPE + (f"# {EVIL}\n" if kind == "hostile" else ""), encoding="utf-8")
    if kind == "empty":
        return folder
    results.write(folder.results)
    folder.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_findings(folder.findings, findings)
    extra = {EVIL: QUOTES, "command": EVIL} if kind == "hostile" else {}
    folder.environment.write_text(json.dumps({**ENVIRONMENT, **extra}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunFolder]:
    """A run folder of one kind with its report written, made once."""
    made: dict[str, RunFolder] = {}

    def get(kind: str) -> RunFolder:
        if kind not in made:
            from ravine.report import write_report

            folder = build(kind, tmp_path_factory.mktemp("runs") / kind)
            write_report(folder)
            made[kind] = folder
        return made[kind]

    return get


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[str], RunFolder]:
    """A run folder of one kind of the test's own, without a report."""
    return lambda kind: build(kind, tmp_path / kind)
