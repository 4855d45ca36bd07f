"""Programs to watch, as somebody would write them, and a way to run them in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(tmp_path) -> Callable[[str], Path]:
    """Writes a program into train.py."""

    def write(text: str, name: str = "train.py") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def python(tmp_path) -> Run:
    """Runs Python there, as a person would."""

    def run(*words: str, **more) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **more.pop("env", {})}
        return subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, timeout=900, cwd=tmp_path, env=environment, **more
        )

    return run


@pytest.fixture
def watched(python) -> Run:
    """Runs `ravine watch` there, with its record in the folder named record."""

    def run(*words: str, **more) -> subprocess.CompletedProcess[str]:
        return python("-m", "ravine", "watch", "--run-dir", "record", *words, **more)

    return run


@pytest.fixture
def history(tmp_path):
    """Reads the record."""
    from ravine.records.history import History

    return lambda: History.of_run(tmp_path / "record" / "metrics.jsonl")
