"""Faults planted in ordinary scripts are named first; without them, and with healthy habits, there is silence."""

import json

import pytest

from made.healthy_scripts import HABITS
from made.ordinary_scripts import SCRIPTS
from made.planted_faults import FAULTS
from made.watched_scripts import STEPS, watch_script
from ravine.records.finding import Severity

QUICK = {
    "(n, 1) against (n)",
    "(n, 1) against (n), written out",
    "relu killed by a bias of -10",
    "wrong sign",
    "wrong sign, by hand",
    "all weights equal",
    "sigmoid output for targets beyond 1",
    "optimizers exchanged",
    "logarithm of zero",
}
QUICK_HABITS = {
    "gradients cleared by hand",
    "closures",
    "frozen layer",
    "generator at every fifth step",
    "maximized reward",
}


def marked(name, quick):
    return pytest.param(name, id=name, marks=() if name in quick else pytest.mark.slow)


def loud(diagnosis):
    """What a person would be alarmed by; a note on what more training would bring is none."""
    return [finding.symptom for finding in diagnosis.findings if finding.severity != Severity.NOTE]


@pytest.mark.parametrize("name", [marked(fault.name, QUICK) for fault in FAULTS])
def test_a_planted_fault_is_named_first_with_what_shows_it(name, tmp_path):
    fault = next(one for one in FAULTS if one.name == name)
    diagnosis, watcher = watch_script(fault.source, tmp_path / "train.py")
    assert watcher.steps <= STEPS
    first = diagnosis.findings[0]
    assert first.symptom == fault.symptom
    assert fault.shows in first.evidence
    if fault.line is not None:
        assert f"train.py:{fault.line}" in first.evidence


@pytest.mark.parametrize("name", [marked(name, {"diabetes", "adversaries"}) for name in SCRIPTS])
def test_without_a_fault_there_is_silence(name, tmp_path):
    diagnosis, watcher = watch_script(SCRIPTS[name], tmp_path / "train.py")
    assert loud(diagnosis) == []
    assert [row for row in watcher.history.of_kind("fact") if row["fact"] != "looked-for"] == []


@pytest.mark.parametrize("name", [marked(name, QUICK_HABITS) for name in HABITS])
def test_healthy_habits_show_no_fact_of_any_fault(name, tmp_path):
    """Whatever the curves of so short a run look like: checks of what a program does are exact."""
    _, watcher = watch_script(HABITS[name].source, tmp_path / "train.py")
    assert [row for row in watcher.history.of_kind("fact") if row["fact"] != "looked-for"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no zero_grad", "NaN in one row", "view in place of permute"])
def test_a_real_process_says_the_same(name, program, watched, tmp_path):
    fault = next(one for one in FAULTS if one.name == name)
    done = watched("--json", "verdict.json", str(program(fault.source)))
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["findings"][0]["symptom"] == fault.symptom, done.stderr
    assert f"this run {fault.symptom}" in done.stderr
