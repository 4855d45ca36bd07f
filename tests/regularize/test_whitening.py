"""The inverse square root against float64 NumPy, its gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ravine.regularize.whitening import (
    covariance,
    eigen_inverse_root,
    grouped,
    moments,
    newton_schulz_inverse_root,
    ungrouped,
)


def zca(cov: np.ndarray) -> np.ndarray:
    """Σ^(−1/2) by singular values, one matrix."""
    left, values, _ = np.linalg.svd(cov)
    return left @ np.diag(1 / np.sqrt(values)) @ left.T


def conditioned(size: int, condition: float, seed: int) -> torch.Tensor:
    """A random covariance with eigenvalues from 1 to `condition`."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(size, size)))
    return torch.tensor(turn @ np.diag(np.geomspace(1, condition, size)) @ turn.T)[None]


@given(size=st.integers(1, 16), seed=st.integers(0, 10**6), condition=st.floats(1, 50))
@settings(max_examples=40, deadline=None)
def test_both_roots_are_zca(size, seed, condition):
    cov = conditioned(size, condition, seed)
    want = zca(cov[0].numpy())
    np.testing.assert_allclose(eigen_inverse_root(cov)[0].numpy(), want, atol=1e-10)
    # Ten steps whiten to 1e-3; enough of them reach rounding, and more do no harm.
    few = newton_schulz_inverse_root(cov, 10)
    assert torch.linalg.matrix_norm(few @ cov @ few - torch.eye(size), ord=2).max() < 1e-3
    for iterations in (20, 60):
        np.testing.assert_allclose(newton_schulz_inverse_root(cov, iterations)[0].numpy(), want, atol=1e-8)


def test_newton_schulz_is_the_iteration_of_the_paper():
    cov = conditioned(6, 30.0, 3)
    scale = torch.linalg.matrix_norm(cov)
    p, scaled = torch.eye(6, dtype=torch.float64), cov[0] / scale
    for iterations in range(1, 8):
        p = 0.5 * (3 * p - p @ p @ p @ scaled)
        torch.testing.assert_close(newton_schulz_inverse_root(cov, iterations)[0], p / scale.sqrt())


def test_newton_schulz_does_not_amplify_rounding():
    cov = conditioned(16, 1e4, 0).float()
    root = newton_schulz_inverse_root(cov, 60)[0].double()
    assert torch.linalg.matrix_norm(root @ cov[0].double() @ root - torch.eye(16)) < 0.02


@pytest.mark.parametrize("root", [eigen_inverse_root, lambda cov: newton_schulz_inverse_root(cov, 8)])
@pytest.mark.parametrize("condition", [1.0, 1.0 + 1e-9, 20.0])
def test_gradients_of_the_root_also_with_equal_eigenvalues(root, condition):
    cov = conditioned(5, condition, 1).requires_grad_()

    def symmetric(matrix):
        return root(0.5 * (matrix + matrix.mT))

    assert torch.autograd.gradcheck(symmetric, (cov,))
    assert torch.autograd.gradgradcheck(symmetric, (cov,))


@pytest.mark.parametrize("shape", [(7, 6), (5, 6, 3), (2, 6, 9, 9)])
def test_moments_are_numpys_and_differentiable_twice(shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 3
    centred, cov, mean = moments(grouped(x, 2))
    flat = np.moveaxis(x.numpy(), 1, 0).reshape(6, -1)
    np.testing.assert_allclose(mean.flatten().numpy(), flat.mean(1))
    for group in range(2):
        rows = flat[3 * group : 3 * group + 3]
        np.testing.assert_allclose(cov[group].numpy(), np.cov(rows, bias=True).reshape(3, 3))
    torch.testing.assert_close(ungrouped(centred, x.shape) + mean.view(-1, *[1] * (x.ndim - 2)), x)

    small = x[:, :, :3, :3] if x.ndim == 4 else x

    def both(x):
        centred, cov, _ = moments(grouped(x, 2))
        return centred, cov

    assert torch.autograd.gradcheck(both, (small.requires_grad_(),), fast_mode=True)
    assert torch.autograd.gradgradcheck(both, (small,), fast_mode=True)


@given(
    batch=st.integers(1, 4), size=st.integers(1, 4), groups=st.integers(1, 3),
    positions=st.sampled_from([(), (1,), (5,), (70,), (8, 9), (2, 3, 2)]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_grouping_there_and_back(batch, size, groups, positions):
    x = torch.randn(batch, size * groups, *positions)
    blocks = grouped(x, groups)
    assert blocks.shape[1:3] == (groups, size)
    assert torch.equal(ungrouped(blocks, x.shape), x)
    values = blocks.permute(1, 2, 0, 3).reshape(groups * size, -1)
    want = x.transpose(0, 1).reshape(groups * size, -1)
    assert torch.equal(values.sort(1).values, want.sort(1).values)


def test_a_large_mean_costs_no_digits():
    x = torch.randn(64, 4, 10, 10, generator=torch.Generator().manual_seed(0))
    _, cov, _ = moments(grouped(x.double() + 1000, 1))
    _, single, _ = moments(grouped((x.double() + 1000).float(), 1))
    torch.testing.assert_close(single.double(), cov, atol=1e-4, rtol=1e-4)
    assert torch.equal(covariance(grouped(x, 1)), covariance(grouped(x, 1)).mT)
