"""`environment.json`: true, quick, and without torch."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ravine.records.environment import PACKAGES, environment, git_state, is_alive


def test_it_says_what_other_witnesses_say(tmp_path):
    found = environment(["ravine", "fit", "my data.csv"], tmp_path)
    assert json.loads(json.dumps(found)) == found
    assert found["command"] == "ravine fit 'my data.csv'"
    assert platform.python_version() in found["python"]
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["packages"]["numpy"] == importlib.metadata.version("numpy")
    assert set(found["packages"]) <= set(PACKAGES)
    age = datetime.now(UTC) - datetime.fromisoformat(found["started"])
    assert timedelta(seconds=-2) < age < timedelta(seconds=30)
    with open("/proc/meminfo") as file:
        kilobytes = int(file.readline().split()[1])
    assert found["memory_bytes"] == pytest.approx(kilobytes * 1024, rel=0.01)


def test_the_command_is_that_of_the_process(tmp_path):
    program = "from ravine.records.environment import environment; import sys; print(environment()['command'])"
    program += "; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, "--lr", "3"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].endswith("--lr 3")
    assert lines[-1] == "False False"


@pytest.mark.parametrize("program", ["/usr/bin/ravine", "C:/bin/ravine.exe", "/site-packages/ravine/__main__.py"])
def test_our_own_command_reads_as_it_was_typed(monkeypatch, tmp_path, program):
    monkeypatch.setattr(sys, "argv", [program, "fit", "my data.csv"])
    assert environment(folder=tmp_path)["command"] == "ravine fit 'my data.csv'"


@pytest.fixture
def repository(tmp_path):
    def git(*words: str) -> str:
        names = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        done = subprocess.run(
            ["git", *words], cwd=tmp_path, env={**os.environ, **names}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "one")
    return tmp_path, git


def test_the_commit_and_whether_files_differ_from_it(repository):
    folder, git = repository
    assert git_state(folder) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (folder / "untracked").write_text("")
    assert git_state(folder) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (folder / "file").write_text("two")
    assert git_state(folder) == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_no_repository_and_no_git_are_none(tmp_path, monkeypatch):
    assert git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


def test_who_is_alive():
    assert is_alive(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not is_alive(child.pid)
    assert not is_alive(10**30)
