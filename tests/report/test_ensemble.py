"""The report of an ensemble: members, mean, gain with interval, diversity; and what it says when little is known."""

from __future__ import annotations

import pytest

from ravine.records.folder import RunFolder
from ravine.records.results import EnsembleSection, Gain, Member, Results, Score
from ravine.report import write_report
from ravine.report.panels.ensemble import beyond_noise, gain_said
from ravine.report.text import summary

EVIL = "<script>alert(1)</script>"


def score(value: float) -> Score:
    return Score(name="accuracy", value=value, low=value - 0.01, high=value + 0.01)


def section(**more: object) -> EnsembleSection:
    known: dict[str, object] = {
        "kind": "seeds",
        "how": "as one stacked model",
        "combine": "probabilities",
        "weights": "greedy",
        "metric": "accuracy",
        "members": [
            Member(name="seed 0", weight=0.75, scores=[score(0.91)], epoch=3),
            Member(name=EVIL, weight=0.25, scores=[score(0.89)], epoch=5),
        ],
        "mean": [Score(name="accuracy", value=0.90)],
        "scores": [score(0.93)],
        "gains": [Gain(name="accuracy", value=0.03, low=0.012, high=0.048)],
        "best": "seed 0",
        "gains_over_best": [Gain(name="accuracy", value=0.02, low=-0.001, high=0.041)],
        "disagreement": 0.123,
        "error_correlation": 0.45,
        "squared_error": 0.10,
        "squared_error_of_members": 0.14,
        "ambiguity": 0.04,
    }
    return EnsembleSection.model_validate(known | more)


def page_of(folder: RunFolder, found: EnsembleSection) -> str:
    folder.recipe.write_text("seed = 0\n", encoding="utf-8")
    Results(status="done", ensemble=found).write(folder.results)
    return write_report(folder).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create("run", tmp_path / "run")


def test_gain_members_and_diversity_are_there(folder):
    page = page_of(folder, section())
    for words in (
        "What the ensemble gains",
        "+3.0 points (95% interval +1.2 points to +4.8 points): a gain beyond noise",
        "Against <bdi>seed 0</bdi>, the best on validation rows: +2.0 points",
        "within noise",
        "Two members disagree on 12.3% of the rows",
        "errors correlate with 0.45",
        "0.14 of a member, less 0.04",
        "mean member",
        "0.75",
    ):
        assert words in page
    assert EVIL not in page
    said = summary(folder)
    assert "2 members; over the mean member +3.0 points (95% interval +1.2 points to +4.8 points)" in said


def test_what_is_not_known_is_left_away(folder):
    page = page_of(
        folder,
        section(
            gains=[Gain(name="accuracy", value=None)], gains_over_best=[], disagreement=None, error_correlation=None,
            ambiguity=None, squared_error=None, squared_error_of_members=None, best="",
        ),
    )  # fmt: skip
    assert "a gain that is no number" in page
    assert "disagree on" not in page


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Gain(name="accuracy", value=0.01, low=0.001, high=0.02), "a gain beyond noise"),
        (Gain(name="accuracy", value=0.01, low=-0.001, high=0.02), "within noise"),
        (Gain(name="log_loss", value=-0.1, low=-0.2, high=-0.05), "a loss beyond noise"),
        (Gain(name="accuracy", value=0.0), "no interval can be given"),
    ],
)
def test_noise_is_told_from_gain(gain, words):
    assert beyond_noise(gain) == words
    assert gain_said(gain)
