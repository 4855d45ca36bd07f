"""Intervals: closed forms, and the share of simulated experiments in which they hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm, rankdata
from sklearn.metrics import roc_auc_score

from ravine.fit.intervals import Bootstrap, auroc, auroc_interval, mcnemar, paired_shares, wilson


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_ends_solve_the_score_equation(counts):
    successes, trials = counts
    share, z = successes / trials, norm.ppf(0.975)
    for end in wilson(successes, trials):
        if 0.0 < end < 1.0:
            assert abs(share - end) == pytest.approx(z * math.sqrt(end * (1 - end) / trials), rel=1e-6, abs=1e-9)
    low, high = wilson(successes, trials)
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


def test_wilson_of_nothing_is_everything():
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_is_the_exact_binomial():
    assert mcnemar(12, 3) == pytest.approx(2 * binom.cdf(3, 15, 0.5))
    assert mcnemar(5, 5) == pytest.approx(1.0)
    assert mcnemar(0, 0) == 1.0


def test_paired_shares_hold_the_truth():
    rng, rows, held = np.random.default_rng(5), 80, 0
    for _ in range(500):
        both = rng.choice(4, rows, p=[0.75, 0.12, 0.05, 0.08])  # both right, only first, only second, neither
        low, high = paired_shares(int((both == 1).sum()), int((both == 2).sum()), rows)
        held += low <= 0.07 <= high
    assert 0.92 <= held / 500 <= 0.98
    assert paired_shares(0, 0, 50).low < 0.0 < paired_shares(0, 0, 50).high


def _rmse(sums):
    return np.sqrt(sums[..., 1] / sums[..., 0])


def _r2(sums):
    rows, y, squares, errors = np.moveaxis(sums, -1, 0)
    return 1 - errors / (squares - y**2 / rows)


def test_bootstrap_intervals_hold_the_truth_nineteen_times_in_twenty():
    rng, repeats, rows = np.random.default_rng(0), 300, 100
    held = {"rmse": 0, "r2": 0, "auroc": 0}
    for repeat in range(repeats):
        boot = Bootstrap(rows, seed=repeat, resamples=1000)
        y, error = rng.normal(size=rows), 0.5 * rng.normal(size=rows)
        low, high = boot.interval(_rmse, boot.gather(np.stack([np.ones(rows), error**2], 1)))
        held["rmse"] += low <= 0.5 <= high
        low, high = boot.interval(_r2, boot.gather(np.stack([np.ones(rows), y, y**2, error**2], 1)))
        held["r2"] += low <= 0.75 <= high
        true = rng.random(rows) < 0.4
        low, high = auroc_interval([auroc(rng.normal(size=rows) + 1.2 * true, true)])
        held["auroc"] += low <= norm.cdf(1.2 / math.sqrt(2)) <= high
    # 300 experiments at 95% give between 0.92 and 0.98 in 99 of 100 cases; BCa on 100 rows may lose a little.
    for name, count in held.items():
        assert 0.91 <= count / repeats <= 0.99, name


def test_many_rows_are_gathered_into_groups_without_changing_the_width():
    rng = np.random.default_rng(1)
    errors = rng.normal(size=6_000) ** 2
    widths = []
    for groups in (6_000, 1_000):
        boot = Bootstrap(len(errors), groups=groups, resamples=1000)
        parts = boot.gather(np.stack([np.ones(len(errors)), errors], 1))
        np.testing.assert_allclose(parts.sum(0), [len(errors), errors.sum()])
        low, high = boot.interval(_rmse, parts)
        widths.append(high - low)
    delta = 2 * 1.96 * errors.std() / math.sqrt(len(errors)) / (2 * math.sqrt(errors.mean()))
    assert widths == pytest.approx([delta, delta], rel=0.1)


def test_tally_counts_like_one_hot_columns():
    rng = np.random.default_rng(2)
    classes, where = rng.integers(0, 4, 5000), rng.random(5000) < 0.5
    boot = Bootstrap(5000, groups=300, resamples=2)
    np.testing.assert_array_equal(boot.tally(classes, 4), boot.gather(np.eye(4)[classes]))
    np.testing.assert_array_equal(boot.tally(classes, 4, where), boot.gather(np.eye(4)[classes] * where[:, None]))


def test_no_interval_where_resampling_says_nothing():
    boot = Bootstrap(30, resamples=200)
    assert boot.interval(_rmse, boot.gather(np.stack([np.ones(30), np.zeros(30)], 1))) is None
    assert Bootstrap(1, resamples=200).interval(_rmse, np.array([[1.0, 2.0]])) is None


def test_the_same_seed_gives_the_same_interval():
    parts = np.stack([np.ones(50), np.random.default_rng(3).random(50)], 1)
    ends = [Bootstrap(50, seed=seed, resamples=500).interval(_rmse, parts) for seed in (7, 7, 8)]
    assert ends[0] == ends[1] != ends[2]


@given(st.integers(0, 10**6), st.integers(4, 60))
def test_auroc_is_scikit_learns_with_ties(seed, rows):
    rng = np.random.default_rng(seed)
    score, true = rng.integers(0, 6, rows), rng.random(rows) < 0.5
    true[:2] = True, False
    area = auroc(score, true)
    assert area.value == pytest.approx(roc_auc_score(true, score))
    assert area.influence.mean() == pytest.approx(0.0, abs=1e-9)


def test_auroc_interval_agrees_with_plain_resampling():
    rng = np.random.default_rng(4)
    true = rng.random(400) < 0.3
    score = rng.normal(size=400) + true
    areas = []
    for rows in rng.integers(0, 400, (1500, 400)):
        ranks, hits = rankdata(score[rows]), true[rows]
        areas.append((ranks[hits].mean() - (hits.sum() + 1) / 2) / (~hits).sum())
    low, high = np.quantile(areas, [0.025, 0.975])
    assert auroc_interval([auroc(score, true)]) == pytest.approx((low, high), abs=0.01)


def test_auroc_without_both_answers_is_unknown_and_a_perfect_one_has_no_interval():
    assert math.isnan(auroc([1.0, 2.0], [True, True]).value)
    perfect = auroc([1.0, 2.0, 3.0], [False, True, True])
    assert perfect.value == 1.0
    assert auroc_interval([perfect]) is None
