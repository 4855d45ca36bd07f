"""Baselines against scikit-learn fitted by hand, and within their time."""

import time

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss, r2_score

from ravine.core.shapes import InputShape
from ravine.data.prepare import prepare
from ravine.data.raw import Images
from ravine.data.task import Kind, Task
from ravine.fit.baselines import MOST_FEATURES, RIDGE_STRENGTHS, Features, baseline_section, fit_baselines


def _fit(done):
    split = done.split
    return fit_baselines(
        done.fields,
        done.model.preparation,
        done.model.task,
        done.encoded,
        train=split.train,
        val=split.val,
        test=split.test,
    )


def test_majority_is_the_best_that_no_feature_can_do(finished):
    done = finished("flowers")
    plain = _fit(done)[0]
    truth = done.encoded[done.split.test]
    dummy = DummyClassifier(strategy="most_frequent").fit(done.split.train[:, None], done.encoded[done.split.train])
    np.testing.assert_array_equal(plain.answers.choice, dummy.predict(done.split.test[:, None]))
    shares = np.bincount(done.encoded[done.split.train]) / len(done.split.train)
    expected = log_loss(truth, np.tile(shares, (len(truth), 1)))
    assert plain.answers.losses.mean() == pytest.approx(expected, abs=0.01)
    assert plain.name == "majority class"


def test_logistic_regression_uses_numbers_and_categories(finished):
    linear = _fit(finished("flowers"))[1]
    assert linear.name == "logistic regression"
    assert (linear.answers.choice == linear.answers.classes_true).mean() > 0.85
    np.testing.assert_allclose(linear.answers.probabilities.sum(1), 1.0)


def test_ridge_is_scikit_learns_at_the_strength_that_validation_prefers(finished):
    done = finished("pairs")
    mean, ridge = _fit(done)
    x = Features.of(done.fields, done.model.preparation.normalizer(), done.model.preparation.shape, done.split.train)
    train, val, test = (x(done.fields, rows) for rows in (done.split.train, done.split.val, done.split.test))
    fitted = [
        Ridge(alpha=strength * len(train)).fit(train, done.encoded[done.split.train]) for strength in RIDGE_STRENGTHS
    ]
    best = min(fitted, key=lambda model: ((model.predict(val) - done.encoded[done.split.val]) ** 2).mean())
    np.testing.assert_allclose(ridge.answers.outputs, best.predict(test), atol=1e-4)
    np.testing.assert_allclose(mean.answers.values[0], done.raw.targets[done.split.train].mean(0), rtol=1e-5)


def test_each_label_has_its_own_regression(finished):
    shares, linear = _fit(finished("songs"))
    assert (linear.answers.labels == linear.answers.labels_true).mean() > 0.8
    assert (shares.answers.labels == shares.answers.labels[0]).all()


def test_section_scores_with_the_deciding_metric(finished):
    done = finished("houses")
    section = baseline_section(_fit(done), done.model.task)
    assert section.metric == "r2_log"
    assert [baseline.name for baseline in section.baselines] == ["mean", "ridge regression"]
    score = section.baselines[1].scores[0]
    ridge = _fit(done)[1]
    assert score.value == pytest.approx(r2_score(ridge.answers.target, ridge.answers.outputs), rel=1e-5)
    assert score.low < score.value < score.high


def test_a_class_absent_from_training_and_an_empty_validation_part_are_no_trouble(finished):
    done = finished("flowers")
    train = done.split.train[done.encoded[done.split.train] != 2]
    for rows in (train, train[done.encoded[train] == 0]):
        fitted = fit_baselines(
            done.fields,
            done.model.preparation,
            done.model.task,
            done.encoded,
            train=rows,
            val=rows[:0],
            test=done.split.test,
        )
        assert all(np.isfinite(one.answers.losses).all() for one in fitted)
        assert not any((one.answers.choice == 2).any() for one in fitted)


def test_large_pictures_are_averaged_down():
    pixels = np.random.default_rng(0).integers(0, 255, (6, 100, 140, 3), dtype=np.uint8)
    preparation = prepare(Images(pixels), np.arange(6))
    fields, rows = preparation.fields(Images(pixels)), np.arange(6)
    features = Features.of(fields, preparation.normalizer(), preparation.shape, rows)
    matrix = features(fields, rows)
    assert 0.8 * MOST_FEATURES < matrix.shape[1] <= MOST_FEATURES
    np.testing.assert_allclose(matrix.mean(0), 0.0, atol=1e-4)


def test_fashion_sized_data_takes_seconds():
    """As many pixels and classes as Fashion-MNIST, with blurred class patterns in noise."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 10, 14_000)
    patterns = rng.normal(size=(10, 784)).astype(np.float32)
    pixels = (patterns[classes] + 3 * rng.normal(size=(14_000, 784)).astype(np.float32)).reshape(-1, 1, 28, 28)

    class AsItIs(torch.nn.Module):
        def forward(self, x):
            return (x,)

    class Unprepared:
        shape = InputShape(form="image", channels=1, height=28, width=28)

        def normalizer(self):
            return AsItIs()

    rows = np.arange(14_000)
    task = Task(kind=Kind.CLASSIFY, classes=tuple("0123456789"))
    began = time.perf_counter()
    fitted = fit_baselines(
        (torch.from_numpy(pixels),),
        Unprepared(),
        task,
        classes,
        train=rows[:11_000],
        val=rows[11_000:12_000],
        test=rows[12_000:],
    )
    seconds = time.perf_counter() - began
    assert (fitted[1].answers.choice == fitted[1].answers.classes_true).mean() > 0.9
    assert seconds < 40  # about 4 s on two free cores
