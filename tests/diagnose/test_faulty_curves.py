"""Faults of simulated trainings at three strengths, by all that a log may hold and by curves alone."""

import pytest

from made.faulty_curves import FAULTS, STRENGTHS
from made.simulated_training import CURVES, FULL
from ravine.diagnose.doctor import diagnose
from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.history import History

SEEDS = range(6)

# Share of the seeds in which the fault must be named, a little under what was measured over twenty seeds. Where mild
# faults are not named, they cost next to nothing either; a run that could have been a little longer is left alone,
# since healthy ones look the same.
FULL_FLOOR = {
    "bounces": (0.3, 0.5, 0.5),
    "crawls": (0.3, 0.5, 0.5),
    "decays-too-early": (0.0, 0.3, 0.6),
    "decays-too-late": (0.5, 0.5, 0.5),
    "starts-too-hot": (0.0, 0.9, 0.9),
    "stops-too-early": (0.0, 0.6, 0.4),
    "runs-too-long": (0.1, 0.8, 0.8),
    "batch-too-large": (0.2, 0.6, 0.6),
}
CURVES_FLOOR = {
    "bounces": (0.3, 0.3, 0.5),
    "crawls": (0.3, 0.5, 0.3),
    "validates-on-too-little": (0.6, 0.5, 0.3),
    "overfits": (0.6, 0.9, 0.9),
    "stops-too-early": (0.0, 0.0, 0.3),
    "runs-too-long": (0.1, 0.8, 0.8),
}


def named(fault, strength, view):
    """Share of the seeds in which the fault is among what was found, as a cause or as what one explains."""
    hits = 0
    for seed in SEEDS:
        found = diagnose(History(FAULTS[fault].make(seed, strength, view))).findings
        names = {one.symptom for one in found} | {name for one in found for name in one.details.get("explains", ())}
        hits += bool(names & set(FAULTS[fault].names))
    return hits / len(SEEDS)


@pytest.mark.parametrize("strength", range(3), ids=STRENGTHS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault, strength):
    assert named(fault, strength, FULL) >= FULL_FLOOR.get(fault, (0.8, 0.8, 0.8))[strength]


@pytest.mark.parametrize("strength", range(3), ids=STRENGTHS)
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.curves_tell])
def test_curves_alone_name_it(fault, strength):
    assert named(fault, strength, CURVES) >= CURVES_FLOOR.get(fault, (0.8, 0.8, 0.8))[strength]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_finding_says_how_sure_it_is_and_where_it_begins(fault):
    history = History(FAULTS[fault].make(1, 2, FULL))
    last = max(row["step"] for row in history.rows)
    for one in diagnose(history).findings:
        assert 0 <= one.confidence <= 1
        assert one.first_step is None or 0 <= one.first_step <= last
        assert any(letter.isdigit() for letter in one.evidence)


def test_no_symptom_is_a_cause_of_itself():
    def ahead(name, seen):
        for cause in SYMPTOMS[name].causes if name in SYMPTOMS else ():
            assert cause not in seen, (*seen, cause)
            ahead(cause, (*seen, cause))

    for name in SYMPTOMS:
        ahead(name, (name,))
