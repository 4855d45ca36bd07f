"""Scores against counts by hand, and the interval against SciPy."""

from __future__ import annotations

import math

import pytest
from benchmarks.faults.score import Case, can_know, confusion, first_right, scores, wilson, wrongly_fired
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

RIGHT = frozenset({"diverges", "bounces"})
CASES = [
    Case(truth=""),
    Case(truth="", found=("crawls",)),
    Case(truth="", harmless="repeats-order", found=("repeats-order",)),
    Case(truth="", abstained=frozenset({"crawls"})),
    Case(truth="diverges", accepted=RIGHT, found=("diverges", "overfits"), first=0.2),
    Case(truth="diverges", accepted=RIGHT, found=("overfits", "crawls", "bounces"), first=0.4),
    Case(truth="diverges", accepted=RIGHT, found=("overfits", "crawls", "stalls", "bounces"), first=0.6),
    Case(truth="ascends", accepted=frozenset({"ascends"}), abstained=frozenset({"ascends"})),
    Case(truth="leaks", accepted=frozenset({"leaks"})),
]


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_wilson_is_that_of_scipy(pair):
    count, of = pair
    expected = binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert wilson(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_of_nothing_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)


def test_counts_by_hand():
    found = scores(CASES, "A")
    assert (found.alarms.count, found.alarms.of) == (2, 4)
    assert (found.recall.count, found.recall.of) == (3, 5)
    assert (found.knowable.count, found.knowable.of) == (3, 3)  # of curves, only diverges can be seen
    assert (found.top1.count, found.top3.count, found.set_recall.count) == (1, 2, 3)
    assert (found.set_precision.count, found.set_precision.of) == (3, 9)
    assert (found.abstains.count, found.abstains.of) == (1, 2)
    assert found.time == 0.4


def test_what_was_never_named_has_no_time():
    assert math.isnan(scores([Case(truth="leaks", accepted=frozenset({"leaks"}))], "D").time)
    assert math.isnan(first_right([(0.5, ["stalls"]), (1.0, [])], RIGHT))
    assert first_right([(0.1, []), (0.5, ["bounces"]), (1.0, ["bounces"])], RIGHT) == 0.5


def test_tiers_know_what_they_measure():
    assert can_know("diverges", "A")
    assert not can_know("ascends", "B")
    assert can_know("ascends", "C")
    assert can_know("leaks", "D")
    assert not can_know("leaks", "C")


def test_confusion_counts_every_run_once():
    found = confusion(CASES)
    assert sum(found.values()) == len(CASES)
    assert found["healthy", "healthy"] == 2
    assert found["diverges", "overfits"] == 2
    assert wrongly_fired(CASES) == {"crawls": 1, "repeats-order": 1}
