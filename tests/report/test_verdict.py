"""Does the network beat the baselines: every case of the intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from ravine.records import results as records
from ravine.records.folder import RunFolder
from ravine.records.results import Baseline, BaselineSection, Results, Score
from ravine.report.material import Material
from ravine.report.verdict import rivals, verdict


def material(run: RunFolder, network: Score | None, *baselines: Score, said: str = "") -> Material:
    test = records.TestSection(rows=100, metric=network.name, scores=[network], verdict=said) if network else None
    named = [Baseline(name=f"rival {place}", scores=[score]) for place, score in enumerate(baselines)]
    section = BaselineSection(metric=baselines[0].name, baselines=named) if baselines else None
    return dataclasses.replace(Material.of(run), results=Results(status="done", baselines=section, test=test))


@pytest.mark.parametrize(
    ("network", "baseline", "words"),
    [
        ((0.9, 0.85, 0.95), 0.8, "beats the best baseline, rival 0 (accuracy 80.0%), beyond the noise"),
        ((0.9, 0.85, 0.95), 0.85, "cannot be told apart"),
        ((0.9, 0.85, 0.95), 0.93, "cannot be told apart"),
        ((0.9, 0.85, 0.95), 0.95, "does not reach"),
        ((0.9, None, None), 0.8, "beats the best baseline, rival 0 (accuracy 80.0%); no interval"),
        ((0.9, None, None), 0.9, "does not beat"),
    ],
)
def test_higher_is_better(
    fresh: Callable[[str], RunFolder], network: tuple[float, float | None, float | None], baseline: float, words: str
) -> None:
    value, low, high = network
    score = Score(name="accuracy", value=value, low=low, high=high)
    assert words in verdict(material(fresh("empty"), score, Score(name="accuracy", value=baseline)))


@pytest.mark.parametrize(("baseline", "words"), [(3.0, "beats"), (2.2, "told apart"), (1.0, "does not reach")])
def test_lower_is_better(fresh: Callable[[str], RunFolder], baseline: float, words: str) -> None:
    network = Score(name="rmse", value=2.0, low=1.5, high=2.5, higher_is_better=False)
    rival = Score(name="rmse", value=baseline, higher_is_better=False)
    assert words in verdict(material(fresh("empty"), network, rival))


def test_the_best_baseline_comes_first_and_one_without_a_value_not_at_all(fresh: Callable[[str], RunFolder]) -> None:
    scores = [Score(name="rmse", value=value, higher_is_better=False) for value in (4.0, None, 2.0, 3.0)]
    found = rivals(material(fresh("empty"), None, *scores))
    assert [rival.score.value for rival in found] == [2.0, 3.0, 4.0]


def test_the_words_of_the_run_win_and_nothing_is_said_without_both_sides(fresh: Callable[[str], RunFolder]) -> None:
    run = fresh("empty")
    score = Score(name="r2", value=0.5)
    assert verdict(material(run, score, score, said="So it is.")) == "So it is."
    assert verdict(material(run, score)) == ""
    assert verdict(material(run, None, score)) == ""
    assert verdict(material(run, score, Score(name="rmse", value=1.0))) == ""
