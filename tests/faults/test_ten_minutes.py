"""The benchmark's ten-minute subset, whole, against floors a little under what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.faults.evaluate import doctor_cases, gated
from benchmarks.faults.plan import SUBSETS
from benchmarks.faults.run import collect
from benchmarks.faults.score import Scores, scores

FLOORS = json.loads((Path(__file__).parent / "floors.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_scores_stay_above_their_floors(tmp_path):
    runs = list(SUBSETS["ten-minutes"]())
    said = collect(runs, tmp_path, jobs=2)
    assert len(said) == len(runs)
    assert [run.key for run, one in said.items() if run.is_control and one["failed"]] == []
    judged, _ = gated(said)
    for tier in ("C", "A"):
        _compare(scores(doctor_cases(judged, tier), tier), FLOORS[tier])


def _compare(found: Scores, floors: dict[str, float | None]) -> None:
    for floor, bound in floors.items():
        name, _, side = floor.partition("_at_")
        value = getattr(found, name).value
        if bound is not None:
            assert value <= bound if side == "most" else value >= bound, f"{floor} {bound}: {value}"


def test_floors_name_scores_that_there_are():
    for tier in ("C", "A"):
        _compare(scores([], tier), dict.fromkeys(FLOORS[tier]))
        assert all(floor.endswith(("_at_most", "_at_least")) for floor in FLOORS[tier])
