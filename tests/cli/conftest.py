"""Fixtures of the command line's tests."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def at(tmp_path, monkeypatch) -> Path:
    """An empty folder that is the working folder for the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ravine(at) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real program in a process of its own."""

    def run(*words: str, **more) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ravine", *words], capture_output=True, text=True, timeout=60, cwd=at, **more
        )

    return run


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Path]:
    """Writes the records of a run, as much of them as a test wants."""

    def make(name: str, *, results: dict | str | None = None, recipe: str | None = None, root: str = "runs") -> Path:
        folder = tmp_path / root / name
        folder.mkdir(parents=True)
        text = '[data]\nsource = "digits"\n[model]\nname = "auto"\n' if recipe is None else recipe
        (folder / "recipe.toml").write_text(text)
        if results is not None:
            (folder / "results.json").write_text(results if isinstance(results, str) else json.dumps(results))
        return folder

    return make
