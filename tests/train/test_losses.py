"""Losses against the formulas written out in float64 NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadData, BadValue
from ravine.data.task import Kind
from ravine.train.losses import loss_of


def _log_softmax(logits):
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


@given(st.integers(1, 20), st.integers(2, 8), st.sampled_from([0.0, 0.1, 0.6]), st.integers(0, 10**6))
def test_cross_entropy_with_hard_and_soft_targets(rows, classes, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 3
    labels = rng.integers(0, classes, rows)
    soft = rng.dirichlet(np.ones(classes), rows)
    loss = loss_of("classify", smoothing)
    for target, given_target in ((np.eye(classes)[labels], labels), (soft, soft)):
        smooth = target * (1 - smoothing) + smoothing / classes
        expected = -(smooth * _log_softmax(logits)).sum(1)
        outputs, tensor = torch.from_numpy(logits), torch.from_numpy(given_target)
        np.testing.assert_allclose(loss.per_row(outputs, tensor), expected, rtol=1e-10)
        assert loss(outputs, tensor).item() == pytest.approx(expected.mean(), rel=1e-10)


@given(st.integers(1, 20), st.integers(1, 5), st.integers(0, 10**6))
def test_squared_error(rows, targets, seed):
    rng = np.random.default_rng(seed)
    outputs, target = rng.normal(size=(2, rows, targets))
    loss = loss_of(Kind.REGRESS)
    expected = ((outputs - target) ** 2).mean(1)
    np.testing.assert_allclose(loss.per_row(torch.from_numpy(outputs), torch.from_numpy(target)), expected, rtol=1e-12)
    assert loss(torch.from_numpy(outputs), torch.from_numpy(target)).item() == pytest.approx(expected.mean())


@given(st.integers(1, 20), st.integers(1, 5), st.sampled_from([0.0, 0.2]), st.integers(0, 10**6))
def test_binary_cross_entropy_of_labels(rows, labels, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits, target = rng.normal(size=(rows, labels)) * 2, rng.random((rows, labels))
    smooth = target * (1 - smoothing) + smoothing / 2
    chance = 1 / (1 + np.exp(-logits))
    expected = -(smooth * np.log(chance) + (1 - smooth) * np.log(1 - chance)).mean(1)
    loss = loss_of(Kind.MULTI_LABEL, smoothing)
    np.testing.assert_allclose(loss.per_row(torch.from_numpy(logits), torch.from_numpy(target)), expected, rtol=1e-9)
    assert loss(torch.from_numpy(logits), torch.from_numpy(target)).item() == pytest.approx(expected.mean())


@pytest.mark.parametrize(
    ("kind", "outputs", "target"),
    [
        ("regress", (8, 1), (8,)),  # would broadcast to (8, 8)
        ("regress", (8, 2), (8, 1)),
        ("regress", (8,), (8,)),
        ("multi-label", (8, 3), (3,)),
        ("classify", (8, 3), (7,)),
        ("classify", (8, 3), (8, 4)),
        ("classify", (8, 3, 2), (8, 2)),
    ],
)
def test_shapes_are_never_broadcast(kind, outputs, target):
    loss = loss_of(kind)
    dtype = torch.int64 if kind == "classify" and len(target) == 1 else torch.float32
    for call in (loss, loss.per_row):
        with pytest.raises(BadData, match=r"got outputs \(8.*for targets \("):
            call(torch.zeros(outputs), torch.zeros(target, dtype=dtype))


def test_label_smoothing_has_bounds_and_no_meaning_for_numbers():
    with pytest.raises(BadValue, match=r"loss: label_smoothing must be in \[0, 1\); got 1.0."):
        loss_of("classify", 1.0)
    with pytest.raises(BadValue, match=r"label_smoothing must be 0 for regression; got 0.1."):
        loss_of("regress", 0.1)
