"""Does the network beat what needs no network?"""

from __future__ import annotations

from dataclasses import dataclass

from ravine.records.results import Score
from ravine.report.material import Material
from ravine.report.numbers import label, measure


@dataclass(frozen=True, slots=True)
class Rival:
    """A baseline by its score in the metric compared."""

    name: str
    score: Score


def rivals(material: Material) -> list[Rival]:
    """The baselines that have a value in the metric compared, the best first."""
    section = material.results.baselines
    if section is None:
        return []
    found = [
        Rival(baseline.name, score)
        for baseline in section.baselines
        for score in baseline.scores
        if score.name == section.metric and score.value is not None
    ]
    return sorted(found, key=lambda rival: _goodness(rival.score), reverse=True)


def verdict(material: Material) -> str:
    """One sentence: the run's own, or one from the scores; "" when there is nothing to compare yet."""
    test = material.results.test
    if test and test.verdict:
        return test.verdict
    network, best = material.score, next(iter(rivals(material)), None)
    if network is None or network.value is None or best is None or best.score.name != network.name:
        return ""
    rival = f"the best baseline, {best.name} ({label(network.name)} {measure(network.name, best.score.value)})"
    pessimist, optimist = (network.low, network.high) if network.higher_is_better else (network.high, network.low)
    if pessimist is None or optimist is None:
        ahead = _goodness(network) > _goodness(best.score)
        return f"The network {'beats' if ahead else 'does not beat'} {rival}; no interval was measured."
    if _beats(network, pessimist, best.score):
        return f"The network beats {rival}, beyond the noise of the test part."
    if _beats(network, optimist, best.score):
        return f"The network and {rival} cannot be told apart on this test part."
    return f"The network does not reach {rival}: prefer the simple model, or see the findings."


def _goodness(score: Score) -> float:
    assert score.value is not None
    return score.value if score.higher_is_better else -score.value


def _beats(network: Score, value: float, other: Score) -> bool:
    assert other.value is not None
    return value > other.value if network.higher_is_better else value < other.value
