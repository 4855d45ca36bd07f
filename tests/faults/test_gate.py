"""The validity gate against closed forms and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.faults.gate import judge, strengths
from scipy import stats

CLEAN = [0.90, 0.92, 0.91, 0.93, 0.89]


def test_p_is_that_of_a_paired_t_test():
    planted = [0.85, 0.90, 0.84, 0.89, 0.88]
    found = judge(CLEAN, planted, worst=0.0)
    differences = np.subtract(CLEAN, planted)
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(5))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 4))
    assert found.loss == pytest.approx(differences.mean())
    assert found.deviations == pytest.approx(differences.mean() / np.std(CLEAN, ddof=1))
    assert found.passes


def test_better_is_no_fault_however_sure():
    assert not judge(CLEAN, [0.95, 0.97, 0.97, 0.98, 0.94], worst=0.0).passes


def test_sure_but_small_is_no_fault():
    found = judge(
        CLEAN, [score - 0.004 + noise for score, noise in zip(CLEAN, (0, 1e-4, 0, -1e-4, 0), strict=True)], 0.0
    )
    assert found.p < 0.05
    assert found.deviations < 0.5
    assert not found.passes


def test_large_but_unsure_is_no_fault():
    found = judge(CLEAN, [0.99, 0.60, 0.95, 0.93, 0.90], worst=0.0)
    assert found.deviations > 0.5
    assert found.p > 0.05
    assert not found.passes


def test_a_run_without_a_score_has_the_worst():
    found = judge(CLEAN, [math.nan, 0.1, -math.inf, -5.0, 0.1], worst=0.1)
    assert found.loss == pytest.approx(np.mean(CLEAN) - 0.1)
    assert found.passes


def test_equal_losses_are_certain_and_no_loss_is_none():
    assert judge([0.5, 0.6, 0.7], [0.4, 0.5, 0.6], worst=0.0).p == 0.0
    same = judge(CLEAN, CLEAN, worst=0.0)
    assert (same.p, same.loss, same.passes) == (1.0, 0.0, False)


def test_one_pair_proves_nothing():
    assert not judge([0.9], [0.1], worst=0.0).passes


def test_scores_come_in_pairs():
    with pytest.raises(ValueError, match="come in pairs; got 5 and 1"):
        judge(CLEAN, [0.9], worst=0.0)


def test_mild_is_the_weakest_that_passes():
    assert strengths([False, True, False, True]) == ["harmless", "mild", "harmless", "gross"]
    assert strengths([True]) == ["gross"]
    assert strengths([]) == []
