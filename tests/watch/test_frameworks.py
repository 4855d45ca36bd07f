"""Trainings in frameworks: the same weights watched or not, silence, and the right finding with a fault planted."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

import made.framework_scripts
from made.framework_scripts import FRAMEWORKS

SHARED = str(Path(made.framework_scripts.__file__).parents[1])


def marked(name):
    missing = find_spec(FRAMEWORKS[name].package) is None
    return pytest.param(name, id=name, marks=pytest.mark.skipif(missing, reason=f"{name} is not installed"))


@pytest.mark.parametrize("name", [marked(name) for name in FRAMEWORKS])
def test_silence_the_same_weights_and_each_fault_first(python, name):
    done = python("-m", "made.side_by_side", name, env={"PYTHONPATH": SHARED})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["same"]
    assert told["steps"] >= 200
    assert told["facts"] == []
    assert told["healthy"] == []
    assert told["val_loss"] >= 5 or name == "accelerate"  # where an evaluation counts hits, there is no loss
    for symptom, findings in told["faults"].items():
        assert findings, f"nothing found where a run {symptom}"
        assert findings[0][0] == symptom, findings


@pytest.mark.slow
@pytest.mark.parametrize("name", [marked(name) for name in FRAMEWORKS])
def test_output_and_exit_code_are_its_own(program, python, watched, name):
    program(FRAMEWORKS[name].script + "\nimport sys\nprint(float(abs(trained[0]).sum()))\nsys.exit(3)\n")
    alone, seen = python("train.py"), watched("--quiet", "train.py")
    assert alone.returncode == seen.returncode == 3, seen.stderr
    assert seen.stdout.splitlines()[-1] == alone.stdout.splitlines()[-1]
    assert len(seen.stdout.splitlines()) == len(alone.stdout.splitlines())
