"""Silence first: simulated healthy histories of every pattern, as dense and as complete as their writers liked."""

import pytest

from made.curves import HEALTHY
from ravine.diagnose.doctor import diagnose
from ravine.records.history import History

SEEDS = range(12)  # thirty patterns: 360 histories


def alarms(pattern: str) -> list[tuple[int, list[str]]]:
    found = [(seed, [one.symptom for one in diagnose(History(HEALTHY[pattern](seed))).findings]) for seed in SEEDS]
    return [(seed, names) for seed, names in found if names]


@pytest.fixture(scope="module")
def heard() -> dict[str, list[tuple[int, list[str]]]]:
    return {pattern: alarms(pattern) for pattern in HEALTHY}


@pytest.mark.parametrize("pattern", HEALTHY)
def test_a_healthy_pattern_is_met_with_silence(pattern, heard):
    assert len(heard[pattern]) <= 1, heard[pattern]


def test_false_alarms_are_rarer_than_one_in_fifty(heard):
    count = len(HEALTHY) * len(SEEDS)
    assert count >= 300
    assert sum(map(len, heard.values())) <= 0.02 * count, heard
