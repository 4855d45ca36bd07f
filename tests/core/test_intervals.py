"""Intervals: membership by their definition, and text that says the same as the check."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadValue
from ravine.core.intervals import BELOW_ONE, FINITE, NON_NEGATIVE, POSITIVE, UNIT, Interval

numbers = st.floats(allow_nan=False)
ends = st.floats(allow_nan=False, min_value=-1e6, max_value=1e6)
intervals = st.builds(
    lambda a, b, left, right: Interval(min(a, b), max(a, b), left, right), ends, ends, st.booleans(), st.booleans()
)


def inside(interval: Interval, value: float) -> bool:
    """By cases, as a textbook defines the four kinds."""
    if interval.left_open and interval.right_open:
        return interval.low < value < interval.high
    if interval.left_open:
        return interval.low < value <= interval.high
    if interval.right_open:
        return interval.low <= value < interval.high
    return interval.low <= value <= interval.high


@given(intervals, numbers)
def test_membership_is_the_textbook_one(interval, value):
    assert interval.contains(value) == inside(interval, value)


@given(intervals)
def test_an_end_belongs_exactly_when_it_is_closed(interval):
    if interval.low < interval.high:
        assert interval.contains(interval.low) == (not interval.left_open)
        assert interval.contains(interval.high) == (not interval.right_open)


@given(intervals)
def test_nan_is_never_inside(interval):
    assert not interval.contains(math.nan)


@given(intervals, numbers)
def test_check_returns_the_value_or_explains_itself(interval, value):
    if inside(interval, value):
        assert interval.check("owner", "name", value) == value
    else:
        with pytest.raises(BadValue, match=re.escape(f"owner: name must {interval.must}; got {value!r}.")):
            interval.check("owner", "name", value)


@given(st.floats(min_value=-99, max_value=99).map(lambda x: round(x, 2)), st.booleans(), st.booleans())
def test_the_text_can_be_read_back(low, left_open, right_open):
    text = str(Interval(low, low + 1, left_open, right_open))
    assert text[0] == ("(" if left_open else "[")
    assert text[-1] == (")" if right_open else "]")
    read_low, read_high = map(float, text[1:-1].split(", "))
    assert read_low == pytest.approx(low, rel=1e-5)
    assert read_high == pytest.approx(low + 1, rel=1e-5)


@pytest.mark.parametrize("value", [True, False])
def test_a_flag_is_no_number(value):
    with pytest.raises(BadValue):
        UNIT.check("adam", "beta1", value)


@pytest.mark.parametrize(
    ("interval", "must"),
    [
        (UNIT, "be in [0, 1]"),
        (BELOW_ONE, "be in [0, 1)"),
        (POSITIVE, "be above 0"),
        (NON_NEGATIVE, "be at least 0"),
        (FINITE, "be finite"),
        (Interval(), "be a number"),
        (Interval(high=3), "be at most 3"),
        (Interval(high=3, right_open=True), "be below 3"),
        (Interval(1, 2, left_open=True), "be in (1, 2]"),
    ],
)
def test_the_words_after_must(interval, must):
    assert interval.must == must


@pytest.mark.parametrize("interval", [POSITIVE, NON_NEGATIVE, FINITE])
def test_what_is_to_be_finite_refuses_infinity(interval):
    assert not interval.contains(math.inf)
