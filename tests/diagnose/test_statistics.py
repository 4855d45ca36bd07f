"""The statistics under the symptoms, against closed forms and against noise whose law is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.diagnose.curve import clean, curve
from ravine.diagnose.known import higher_is_better, supervised, val_rows
from ravine.diagnose.noise import jitter, level, median, of_share, slope, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.trend import fifths, lowest
from ravine.records.history import History


def correlated(rng, count, together):
    noise = [rng.standard_normal()]
    for _ in range(count - 1):
        noise.append(together * noise[-1] + math.sqrt(1 - together**2) * rng.standard_normal())
    return np.array(noise)


def of(column, name="train_loss", **more):
    return History([{"kind": "epoch", "step": 10 * (i + 1), name: v, **more} for i, v in enumerate(column)])


@pytest.mark.parametrize("together", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("count", [12, 40])
def test_the_interval_of_a_level_holds_under_correlated_noise(together, count):
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        found = level((3 + correlated(rng, count, together)).tolist())
        inside += abs(found.value - 3) < 2 * found.error
    assert inside / 400 > (0.9 if together < 0.5 else 0.8)


@pytest.mark.parametrize("together", [0.0, 0.5])
def test_the_interval_of_a_slope_holds_under_correlated_noise(together):
    rng = np.random.default_rng(1)
    places = list(range(40))
    inside = 0
    for _ in range(400):
        found = slope(places, (0.05 * np.arange(40) + correlated(rng, 40, together)).tolist())
        inside += abs(found.value - 0.05) < 2 * found.error
    assert inside / 400 > 0.88


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_a_straight_line_has_no_jitter(first, tilt):
    assert jitter([first + tilt * place for place in range(20)]) == pytest.approx(0, abs=1e-9)


def test_jitter_is_the_deviation_of_the_noise_whatever_the_trend():
    rng = np.random.default_rng(2)
    values = np.exp(-np.arange(2000) / 500) * 10 + 0.1 * rng.standard_normal(2000)
    assert jitter(values.tolist()) == pytest.approx(0.1, rel=0.1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_the_median_is_numpys(values):
    assert median(values) == pytest.approx(float(np.median(values)))


@pytest.mark.parametrize(("share", "rows"), [(0.9, 30), (0.5, 100), (1.0, 20), (0.02, 400)])
def test_the_interval_of_a_share_is_wilsons(share, rows):
    from scipy.stats import binomtest

    low, high = binomtest(round(share * rows), rows).proportion_ci(method="wilson")
    assert of_share(round(share * rows) / rows, rows) == pytest.approx((high - low) / 2, rel=1e-3)


def test_surety_grows_from_a_half():
    assert surety(0.2) == surety(1) == 0.5
    assert 0.5 < surety(2) < surety(20) < 1


def test_placeholder_zeros_are_missing_and_a_loss_that_reaches_zero_is_not():
    found = clean("val_loss", "epoch", range(1, 10), [0, 0, 0.9, 0, 0, 0.8, 0, 0, 0.7])
    assert found.values == (0.9, 0.8, 0.7)
    reached = [2.0, 0.5, 0.01, 1e-6, 0.0, 0.0]
    assert clean("train_loss", "epoch", range(6), reached).values == tuple(reached)


def test_work_done_twice_counts_once_and_several_rows_at_a_step_are_one():
    found = clean("train_loss", "epoch", [1, 2, 3, 4, 3, 4, 5], [9, 8, 7, 6, 5, 4, 3])
    assert (found.steps, found.values) == ((1, 2, 3, 4, 5), (9, 8, 5, 4, 3))
    assert clean("train_loss", "epoch", [1, 1, 2], [1.0, 3.0, 5.0]).values == (2.0, 5.0)


def test_a_log_in_no_order_is_sorted():
    order = np.random.default_rng(0).permutation(50)
    found = clean("train_loss", "epoch", order.tolist(), (0.5 * order).tolist())
    assert found.steps == tuple(range(50))
    assert found.values == tuple(0.5 * step for step in range(50))


def test_only_an_end_without_numbers_is_a_break():
    assert clean("train_loss", "epoch", range(4), [1, math.nan, 2, 1]).broke_at is None
    assert clean("train_loss", "epoch", range(4), [1, 2, math.inf, math.nan]).broke_at == 2


def test_a_long_curve_keeps_its_mean_and_its_end():
    values = np.random.default_rng(0).random(12_345)
    found = clean("train_loss", "step", range(12_345), values.tolist())
    assert len(found) <= 500
    assert found.steps[-1] == 12_344
    assert np.mean(found.values) == pytest.approx(values.mean(), rel=1e-3)


def test_rows_that_come_later_are_seen():
    history = of([3.0, 2.0])
    assert curve(history, "train_loss").values == (3.0, 2.0)
    history.rows.append({"kind": "epoch", "step": 30, "train_loss": 1.0})
    assert curve(history, "train_loss").values == (3.0, 2.0, 1.0)


def test_the_lowest_stretch_and_the_fifths():
    found = curve(of([5, 4, 1, 1, 3, 4, 5, 6, 7, 8]), "train_loss")
    assert (lowest(found, 2).begin, lowest(found, 2).level.value) == (2, 1.0)
    assert [one.value for one in fifths(found)] == [4.5, 1.0, 3.5, 5.5, 7.5]


def test_what_a_schedule_did():
    drop = rates(of([0.1] * 30 + [0.01] * 20, "lr"))
    assert drop.low_from(0.1) == 310
    assert drop.starts_full
    assert drop.falls_at_the_end
    warm = rates(of([0.01 * min(i + 1, 10) for i in range(50)], "lr"))
    assert (warm.warm_from, warm.starts_full, warm.falls_at_the_end) == (50, False, False)
    again = rates(of([0.05 + 0.05 * math.cos(math.pi * (i % 20) / 20) for i in range(60)], "lr"))
    assert again.restarts == [210, 410]
    assert rates(of([1.0, 2.0])) is None


@pytest.mark.parametrize(
    ("name", "higher"),
    [("accuracy", True), ("top5_acc", True), ("rmse", False), ("word_error", False), ("auc", True), ("zeal", None)],
)
def test_which_way_is_better(name, higher):
    assert higher_is_better(name, History([])) is higher


def test_the_log_may_say_which_way_is_better():
    assert higher_is_better("zeal", History([{"kind": "about", "step": 0, "higher_is_better": False}])) is False


def test_accuracies_betray_their_number_of_rows():
    assert val_rows(of([21 / 37, 22 / 37, 30 / 37, 31 / 37, 33 / 37], "val_accuracy")) == 37
    assert val_rows(of([100 * n / 37 for n in (21, 22, 30, 31, 33)], "val_accuracy")) == 37
    assert val_rows(of([0.61, 0.72, 0.83, 0.84, 0.85], "val_accuracy")) is None  # rounded, as likely
    assert val_rows(of([0.61234, 0.7271, 0.83333, 0.8412, 0.8577], "val_accuracy")) is None


def test_a_loss_alone_may_be_of_any_game():
    assert not supervised(of([1.0, 2.0]))
    assert supervised(of([1.0, 2.0], val_loss=1.0))
