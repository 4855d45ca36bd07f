"""Epoch metrics against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from ravine.data.task import Kind, Task
from ravine.train.metrics import HIGHER_IS_BETTER, accuracy, epoch_metrics, macro_f1, r2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_classes(rng):
    task = Task(kind=Kind.CLASSIFY, classes=("a", "b", "c"))
    logits, labels = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    found = epoch_metrics(task, torch.from_numpy(logits), torch.from_numpy(labels))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found == pytest.approx(
        {"loss": sk.log_loss(labels, chances), "accuracy": sk.accuracy_score(labels, logits.argmax(1))}, rel=1e-6
    )


def test_soft_targets_count_their_likeliest_class(rng):
    logits, soft = torch.from_numpy(rng.normal(size=(50, 4))), torch.from_numpy(rng.dirichlet(np.ones(4), 50))
    assert accuracy(logits, soft) == accuracy(logits, soft.argmax(1))


@pytest.mark.parametrize("log", [False, True])
def test_numbers_in_their_units(rng, log):
    values = np.exp(rng.normal(size=(100, 2)) + np.array([1.0, 3.0]))
    learned = np.log(values) if log else values
    task = Task(kind=Kind.REGRESS, targets=("u", "v"), log=log, mean=tuple(learned.mean(0)), std=tuple(learned.std(0)))
    target = (learned - learned.mean(0)) / learned.std(0)
    outputs = target + 0.1 * rng.normal(size=target.shape)
    said = outputs * learned.std(0) + learned.mean(0)
    said_values = np.exp(said) if log else said
    found = epoch_metrics(task, torch.from_numpy(outputs), torch.from_numpy(target))
    assert found["loss"] == pytest.approx(((outputs - target) ** 2).mean(), rel=1e-5)
    assert found["r2"] == pytest.approx(sk.r2_score(learned, said), rel=1e-5)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(values, said_values), rel=1e-5)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(values, said_values), rel=1e-5)


def test_r2_of_a_constant_target_is_as_scikit_learn_has_it():
    ones = torch.ones(5, 1)
    assert r2(ones, ones) == sk.r2_score(ones, ones) == 1.0
    assert r2(ones + 1, ones) == sk.r2_score(ones, ones + 1) == 0.0


def test_labels(rng):
    task = Task(kind=Kind.MULTI_LABEL, classes=("a", "b", "c"))
    logits, truth = rng.normal(size=(100, 3)), (rng.random((100, 3)) < 0.3).astype(np.float64)
    truth[:, 2], logits[:, 2] = 0.0, -1.0  # a label that never occurs and is never said
    found = epoch_metrics(task, torch.from_numpy(logits), torch.from_numpy(truth))
    assert found["f1"] == pytest.approx(sk.f1_score(truth, logits > 0, average="macro", zero_division=0.0))
    assert found["exact_match"] == pytest.approx(sk.accuracy_score(truth, logits > 0))
    assert macro_f1(torch.from_numpy(truth > 0), torch.from_numpy(truth > 0)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_metric_has_a_direction(kind):
    task = Task(kind=kind, classes=("a", "b"), targets=("u", "v"), mean=(0.0, 0.0), std=(1.0, 1.0))
    target = torch.zeros(4, dtype=torch.int64) if kind is Kind.CLASSIFY else torch.eye(4, 2)
    found = epoch_metrics(task, torch.zeros(4, 2, dtype=torch.bfloat16), target)
    assert set(found) <= set(HIGHER_IS_BETTER)
    assert task.metric in found
