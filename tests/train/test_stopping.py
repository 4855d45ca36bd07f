"""What is best, and when patience ends."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ravine.train.stopping import BestKeeper


@given(st.lists(st.sampled_from([0.5, 0.6, 0.7, math.nan]), min_size=1, max_size=30), st.integers(1, 5))
def test_the_first_of_the_highest_is_best_and_patience_counts_from_it(values, patience):
    keeper = BestKeeper(higher_is_better=True, patience=patience)
    for epoch, value in enumerate(values, 1):
        keeper.look(value, epoch)
    known = [value for value in values if not math.isnan(value)]
    if not known:
        assert keeper.best is None
        return
    assert keeper.best == max(known)
    assert keeper.best_epoch == values.index(max(known)) + 1
    assert keeper.spent == (len(values) - keeper.best_epoch >= patience)


def test_among_equals_the_lowest_loss_is_best():
    keeper = BestKeeper(higher_is_better=True, patience=3)
    seen = [keeper.look(0.9, epoch, loss) for epoch, loss in enumerate([0.5, 0.6, 0.4, 0.45], 1)]
    assert seen == [True, False, True, False]
    assert (keeper.best_epoch, keeper.epochs_since) == (3, 1)
    assert keeper.look(0.91, 5, 0.9)
    assert (keeper.best_epoch, keeper.best_loss, keeper.epochs_since) == (5, 0.9, 0)


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
