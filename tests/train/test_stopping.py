"""What is best, and when patience ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.train.stopping import BestKeeper, standard_error

VALUES = st.lists(st.sampled_from([0.5, 0.6, 0.7, math.nan]), min_size=1, max_size=30)


@given(VALUES, st.integers(1, 5), st.booleans())
def test_without_a_loss_the_first_of_the_best_is_kept_and_patience_counts_from_it(values, patience, higher):
    keeper = BestKeeper(higher_is_better=higher, patience=patience)
    for epoch, value in enumerate(values, 1):
        keeper.look(value, epoch)
    known = [value for value in values if not math.isnan(value)]
    if not known:
        assert keeper.best is None
        return
    assert keeper.best == (max if higher else min)(known)
    assert keeper.best_epoch == values.index(keeper.best) + 1
    assert keeper.spent == (len(values) - keeper.best_epoch >= patience)


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.65, 0.7]), st.integers(0, 9)), min_size=1, max_size=30))
def test_what_is_kept_is_never_worse_than_the_best_by_more_than_noise(epochs):
    keeper = BestKeeper(higher_is_better=True)
    for epoch, (value, loss) in enumerate(epochs, 1):
        keeper.look(value, epoch, float(loss), noise=0.06)
        assert keeper.best >= max(value for value, _ in epochs[:epoch]) - 0.06
        assert (keeper.best, keeper.best_loss) == epochs[keeper.best_epoch - 1]


def test_among_equals_the_lowest_loss_is_best():
    keeper = BestKeeper(higher_is_better=True, patience=3)
    seen = [keeper.look(0.9, epoch, loss) for epoch, loss in enumerate([0.5, 0.6, 0.4, 0.45], 1)]
    assert seen == [True, False, True, False]
    assert (keeper.best_epoch, keeper.epochs_since) == (3, 1)
    assert not keeper.look(0.91, 5, 0.9, noise=0.02)
    assert keeper.look(0.93, 6, 0.9, noise=0.02)
    assert (keeper.best, keeper.best_epoch, keeper.best_loss) == (0.93, 6, 0.9)


def test_a_lucky_epoch_gives_way_to_a_better_loss_within_noise():
    keeper = BestKeeper(higher_is_better=True)
    keeper.look(0.9326, 7, 0.2158, noise=0.0036)
    assert keeper.look(0.9300, 8, 0.2124, noise=0.0036)
    assert keeper.look(0.9314, 9, 0.2109, noise=0.0036)
    assert not keeper.look(0.9200, 10, 0.2000, noise=0.0036)


def test_patience_ends_when_neither_the_metric_nor_the_loss_gains():
    keeper = BestKeeper(higher_is_better=True, patience=2)
    keeper.look(0.9, 1, 0.5)
    keeper.look(0.8, 2, 0.4)  # a lower loss: worth waiting for, though not the best epoch
    assert (keeper.best_epoch, keeper.epochs_since) == (1, 0)
    keeper.look(0.8, 3, 0.45)
    assert not keeper.spent
    keeper.look(0.8, 4, 0.41)  # lower than the last, not than the lowest
    assert keeper.spent


def test_a_keeper_takes_up_where_another_left_off():
    first, second = (BestKeeper(higher_is_better=False, patience=4) for _ in range(2))
    for epoch, (value, loss) in enumerate([(3.0, 1.0), (2.0, 0.9), (2.0, 0.8), (2.5, 0.7)], 1):
        first.look(value, epoch, loss)
    second.load_state_dict(first.state_dict())
    assert second == first


@pytest.mark.parametrize(("share", "rows"), [(0.5, 100), (0.93, 5000)])
def test_the_standard_error_is_that_of_a_share(share, rows):
    drawn = np.random.default_rng(0).binomial(rows, share, 20_000) / rows
    assert standard_error("val_accuracy", share, rows) == pytest.approx(drawn.std(), rel=0.03)
