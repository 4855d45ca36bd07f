"""The split: sizes, shares, disjointness and order, as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravine.core.errors import BadData, BadValue
from ravine.data.infer import infer_task
from ravine.data.raw import Arrays, Raw
from ravine.data.split import Split, split_rows
from ravine.data.task import Kind, Task


def raw_of(targets, **more) -> Raw:
    targets = np.asarray(targets)
    rows = len(targets)
    return Raw(
        name="made",
        origin="made",
        inputs=Arrays(np.zeros((rows, 1), np.float32)),
        targets=targets,
        ids=np.arange(rows),
        **more,
    )


def task_of(targets) -> Task:
    return Task(kind=Kind.CLASSIFY, classes=tuple(str(label) for label in np.unique(targets)))


REGRESS = Task(kind=Kind.REGRESS)


def assert_whole(split: Split, rows: int) -> None:
    """Disjoint, complete, ascending, int64."""
    parts = (split.train, split.val, split.test)
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))


@given(
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=6).filter(lambda counts: sum(counts) >= 20),
    val=st.floats(0.05, 0.4),
    test=st.floats(0.05, 0.4),
    seed=st.integers(0, 2**62),
)
@settings(max_examples=150, deadline=None)
def test_stratified_parts_are_exact_and_in_proportion(counts, val, test, seed):
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = len(targets)
    split = split_rows(raw_of(targets), task_of(targets), val=val, test=test, seed=seed)
    assert_whole(split, rows)
    assert len(split.test) == max(1, int(test * rows + 0.5))
    assert len(split.val) == max(1, int(val * rows + 0.5))
    assert set(targets[split.train]) == set(range(len(counts)))
    if min(counts) >= 10:  # no class is so small that keeping one row to train on bends the shares
        for part in (split.train, split.val, split.test):
            assert (
                np.abs(np.bincount(targets[part], minlength=len(counts)) - np.array(counts) * len(part) / rows) < 2
            ).all()


@given(rows=st.integers(20, 300), seed=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_regression_parts_follow_the_quantiles(rows, seed):
    targets = np.random.default_rng(seed).lognormal(size=rows)
    split = split_rows(raw_of(targets), REGRESS, val=0.2, test=0.2, seed=seed)
    assert_whole(split, rows)
    assert len(split.test) == len(split.val) == int(0.2 * rows + 0.5)
    quintile = np.argsort(np.argsort(targets)) * 5 // rows
    for part in (split.val, split.test):
        assert np.abs(np.bincount(quintile[part], minlength=5) - len(part) / 5).max() <= 3


@given(
    sizes=st.lists(st.integers(1, 30), min_size=6, max_size=40),
    labels=st.lists(st.integers(0, 2), min_size=40, max_size=40),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_groups_stay_whole(sizes, labels, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    targets = np.repeat(np.array(labels[: len(sizes)]), sizes)
    split = split_rows(raw_of(targets, groups=groups), task_of(targets), val=0.2, test=0.2, seed=seed)
    assert_whole(split, len(groups))
    held = [set(groups[part]) for part in (split.train, split.val, split.test)]
    assert all(held)
    assert sum(map(len, held)) == len(set(groups))


def test_group_sizes_come_near_when_groups_are_many():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), rng.integers(1, 20, 300)).astype(str)
    targets = rng.integers(0, 3, len(groups))
    split = split_rows(raw_of(targets, groups=groups), task_of(targets), val=0.15, test=0.2, seed=1)
    assert len(split.test) / len(groups) == pytest.approx(0.2, abs=0.01)
    assert len(split.val) / len(groups) == pytest.approx(0.15, abs=0.01)
    assert "whole groups (300" in split.how


@given(
    moments=st.lists(st.integers(0, 30), min_size=30, max_size=120).filter(lambda m: len(set(m)) >= 3),
    seed=st.integers(0, 9),
)
@settings(max_examples=80, deadline=None)
def test_time_order_keeps_ties_together(moments, seed):
    times = np.array(moments)
    split = split_rows(raw_of(np.zeros(len(times)), times=times), REGRESS, val=0.2, test=0.2, seed=seed)
    assert_whole(split, len(times))
    assert times[split.train].max() < times[split.val].min()
    assert times[split.val].max() < times[split.test].min()


def test_time_order_of_distinct_moments_has_exact_sizes():
    times = np.random.default_rng(0).permutation(200).astype("datetime64[D]")
    split = split_rows(raw_of(np.zeros(200), times=times), REGRESS, val=0.15, test=0.2, seed=0)
    assert (len(split.train), len(split.val), len(split.test)) == (130, 30, 40)
    assert split.how == "in time order; training ends before 1970-05-11"


@given(rows=st.integers(30, 200), folds=st.integers(2, 7), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_folds_cover_every_row_once(rows, folds, seed):
    targets = np.random.default_rng(seed).integers(0, 3, rows)
    targets[:3] = 0, 1, 2
    splits = [
        split_rows(raw_of(targets), task_of(targets), val=0.15, test=0.2, folds=folds, fold=fold, seed=seed)
        for fold in range(folds)
    ]
    for split in splits:
        assert_whole(split, rows)
        assert set(targets[split.train]) == {0, 1, 2}
        assert len(split.val) == int(0.15 * rows + 0.5)
    singles = {int(np.flatnonzero(targets == label)[0]) for label in range(3) if (targets == label).sum() == 1}
    tested = np.concatenate([split.test for split in splits])
    assert sorted(tested.tolist()) == sorted(set(range(rows)) - singles)
    for label in range(3):
        counts = [int((targets[split.test] == label).sum()) for split in splits]
        assert max(counts) - min(counts) <= 1


def test_published_parts_are_kept_and_validation_is_cut_from_train():
    parts = np.array(["train"] * 80 + ["test"] * 20)
    targets = np.arange(100) % 2
    split = split_rows(raw_of(targets, parts=parts), task_of(targets), val=0.25, test=0.5, seed=0)
    assert_whole(split, 100)
    assert split.test.tolist() == list(range(80, 100))
    assert len(split.val) == 20
    assert targets[split.val].sum() == 10
    assert split.how == "train and test as published; validation cut from train, stratified by class, seed 0"
    parts[:10] = "val"
    assert split_rows(raw_of(targets, parts=parts), task_of(targets), val=0.25, test=0.5, seed=0).how == "as published"


def test_a_seed_draws_the_same_rows_and_another_seed_others():
    targets = np.arange(300) % 3
    first, again, other = (
        split_rows(raw_of(targets), task_of(targets), val=0.15, test=0.2, seed=seed) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.test, again.test)
    assert np.array_equal(first.val, again.val)
    assert not np.array_equal(first.test, other.test)


def test_no_test_part_when_its_share_is_zero():
    split = split_rows(raw_of(np.arange(50) % 2), task_of([0, 1]), val=0.2, test=0, seed=0)
    assert len(split.test) == 0
    assert_whole(split, 50)


def test_tiny_classes_are_named():
    targets = np.array(["a"] * 50 + ["b"] * 2)
    split = split_rows(raw_of(targets), task_of(targets), val=0.15, test=0.2, seed=0)
    assert "fewer than 3 rows of 'b'" in split.how


def test_rarest_labels_are_shared_out():
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 3)) < (0.6, 0.3, 0.05)).astype(float)
    raw = raw_of(targets, target_names=("x", "y", "z"))
    split = split_rows(raw, infer_task(raw), val=0.2, test=0.2, seed=0)
    assert_whole(split, 400)
    assert abs(targets[split.test, 2].sum() - targets[:, 2].sum() * 0.2) <= 1


@pytest.mark.parametrize(
    ("more", "options", "error", "words"),
    [
        ({}, {"val": 0.0}, BadValue, "val must be in (0, 1); got 0.0"),
        ({}, {"val": 0.5, "test": 0.5}, BadValue, "val + test must be below 1"),
        ({}, {"folds": 1}, BadValue, "folds must be in [2, 20]; got 1"),
        ({}, {"folds": 3, "fold": 3}, BadValue, "fold must be in [0, 2]; got 3"),
        ({"times": np.zeros(20)}, {}, BadData, "1 different times cannot be cut into 3 parts"),
        ({"groups": np.zeros(20)}, {}, BadData, "1 groups cannot fill 3 parts"),
        ({"times": np.array([np.nan] * 20)}, {}, BadData, "the --time column is missing in 20 rows"),
        ({"times": np.zeros(20), "groups": np.zeros(20)}, {}, BadValue, "--group and --time exclude each other"),
        ({"parts": np.array(["test"] * 20)}, {}, BadData, "no rows in its train part"),
        ({"parts": np.array(["valid"] * 20)}, {}, BadData, "parts must be train, val or test; got 'valid'"),
        ({"parts": np.array(["train"] * 20)}, {"folds": 2}, BadValue, "comes with its own test part"),
    ],
)
def test_refusals(more, options, error, words):
    with pytest.raises(error) as caught:
        split_rows(
            raw_of(np.arange(20) % 2, **more), task_of([0, 1]), **({"val": 0.15, "test": 0.2, "seed": 0} | options)
        )
    assert words in str(caught.value)


def test_too_few_rows_are_refused():
    with pytest.raises(BadData, match="too few"):
        split_rows(raw_of(np.array([0, 1])), task_of([0, 1]), val=0.15, test=0.2, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_class_that_one_group_holds_is_trained_on(seed):
    groups = np.repeat(np.arange(30), 10)
    targets = np.arange(300) % 2
    targets[groups == 7] = 2
    split = split_rows(raw_of(targets, groups=groups), task_of(targets), val=0.2, test=0.2, seed=seed)
    assert 2 in targets[split.train]


@pytest.mark.parametrize("fold", range(3))
def test_folds_of_groups_stay_whole(fold):
    groups = np.random.default_rng(0).integers(0, 25, 300)
    targets = np.arange(300) % 2
    split = split_rows(raw_of(targets, groups=groups), task_of(targets), val=0.2, test=0.2, folds=3, fold=fold, seed=0)
    assert_whole(split, 300)
    assert sum(len(set(groups[part])) for part in (split.train, split.val, split.test)) == len(set(groups))
    assert len(split.test) == pytest.approx(100, abs=10)


def test_one_cut_of_shares_agrees_with_scikit_learns():
    from sklearn.model_selection import StratifiedShuffleSplit

    targets = np.repeat([0, 1, 2], [70, 25, 5])
    split = split_rows(raw_of(targets), task_of(targets), val=0.2, test=0.2, seed=0)
    _, theirs = next(StratifiedShuffleSplit(test_size=20, random_state=0).split(targets, targets))
    assert np.bincount(targets[split.test]).tolist() == np.bincount(targets[theirs]).tolist() == [14, 5, 1]


@pytest.mark.parametrize(
    ("rows", "expected"), [(100, 15), (1797, 270), (33_000, 4950), (53_940, 5000), (200_000, 5000)]
)
def test_validation_rows_are_a_share_up_to_what_is_enough(rows, expected):
    split = split_rows(raw_of(np.arange(rows) % 2), task_of([0, 1]), val="auto", test=0.2, seed=0)
    assert len(split.val) == expected


def test_published_parts_give_validation_rows_from_their_training_rows():
    parts = np.array(["train"] * 60_000 + ["test"] * 10_000)
    split = split_rows(raw_of(np.arange(70_000) % 2, parts=parts), task_of([0, 1]), val="auto", test=0.2, seed=0)
    assert (len(split.train), len(split.val), len(split.test)) == (55_000, 5_000, 10_000)
