"""Numbers as people read them, against Python's own rounding."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.records.results import Score
from ravine.report.numbers import (
    duration,
    gain_text,
    interval_text,
    label,
    measure,
    percent,
    sentence,
    significant,
    value_text,
)

_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read_back(shown: str) -> float:
    plain = shown.replace("−", "-").replace(",", "").translate(_DIGITS)
    return float(re.sub(r" × 10(-?\d+)", r"e\1", plain))


@given(st.floats(-1e300, 1e300), st.integers(1, 6))
def test_significant_reads_back_to_so_many_digits(number: float, digits: int) -> None:
    back = read_back(significant(number, digits))
    assert back == pytest.approx(number, rel=0.5000001 * 10.0 ** (1 - digits), abs=1e-322)


@given(st.floats(0.001, 1e6), st.integers(1, 5))
def test_significant_shows_no_more_digits_than_asked_below_the_point(number: float, digits: int) -> None:
    shown = significant(number, digits)
    if "." in shown and "×" not in shown:
        assert len(shown.replace(".", "").replace(",", "").lstrip("0")) <= digits + 1


def test_what_is_no_number_is_said() -> None:
    assert significant(None) == significant(math.nan) == percent(math.nan) == measure("r2", None) == "–"
    assert (significant(math.inf), significant(-math.inf)) == ("∞", "−∞")
    assert duration(math.inf) == "–"


@pytest.mark.parametrize(
    ("score", "value", "interval"),
    [
        (Score(name="accuracy", value=0.98611, low=0.9679, high=0.994), "98.6%", "96.8% to 99.4%"),
        (Score(name="accuracy", value=0.98611, low=0.98602, high=0.9862), "98.611%", "98.602% to 98.620%"),
        (Score(name="accuracy", value=1.0), "100.0%", ""),
        (Score(name="r2", value=0.4521, low=0.31, high=0.57), "0.45", "0.31 to 0.57"),
        (Score(name="r2", value=-0.0312, low=-0.052, high=-0.011), "−0.031", "−0.052 to −0.011"),
        (Score(name="rmse", value=54321.0, low=53000.0, high=55700.0), "54,321", "53,000 to 55,700"),
        (Score(name="rmse", value=None, low=None, high=None), "–", ""),
        (Score(name="mae", value=0.5, low=0.5, high=0.5), "0.5", "0.5 to 0.5"),
    ],
)
def test_a_score_shows_the_digits_its_interval_warrants(score: Score, value: str, interval: str) -> None:
    assert (value_text(score), interval_text(score)) == (value, interval)


def test_gains_carry_their_sign() -> None:
    assert gain_text("accuracy", 0.0) == "±0.0 points"
    assert gain_text("accuracy", -0.0123) == "−1.2 points"
    assert gain_text("r2", 0.25) == "+0.25"


def test_names_and_sentences() -> None:
    assert label("train_loss") == "training loss"
    assert label("val_r2") == "validation R²"
    assert sentence("") == ""
    assert sentence("why not?") == "Why not?"


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, "0 ms"), (59.96, "1 min 0 s"), (3599.6, "1 h 0 min")])
def test_durations_round_into_the_next_unit(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
