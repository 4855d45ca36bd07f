"""Decorrelated batch norm: identity covariance, a NumPy twin, gradients, the three ranks, life after training."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import DecorrelatedBatchNorm, DecorrelatedBatchNorm1d, DecorrelatedBatchNorm2d

METHODS = ["newton-schulz", "eigen"]


def correlated(*shape: int, seed: int = 0) -> torch.Tensor:
    """Features with means, spreads and correlations of their own; channels second."""
    generator = torch.Generator().manual_seed(seed)
    channels = shape[1]
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    mixing = (
        torch.eye(channels, dtype=torch.float64)
        + 0.3 * torch.randn(channels, channels, generator=generator, dtype=torch.float64) / channels**0.5
    )
    return torch.einsum("dc,nc...->nd...", mixing, x) + torch.arange(channels).view(-1, *[1] * (len(shape) - 2))


def rows_of(x: torch.Tensor) -> np.ndarray:
    return np.moveaxis(x.detach().numpy(), 1, -1).reshape(-1, x.shape[1])


def twin(x: np.ndarray, groups: int, eps: float) -> np.ndarray:
    """ZCA whitening of (values, channels), group by group, from the paper."""
    out = []
    for part in np.split(x, groups, axis=1):
        centred = part - part.mean(0)
        values, vectors = np.linalg.eigh(centred.T @ centred / len(part) + eps * np.eye(part.shape[1]))
        out.append(centred @ (vectors / np.sqrt(values)) @ vectors.T)
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_output_covariance_is_the_identity(method, dtype):
    layer = DecorrelatedBatchNorm2d(32, groups=2, method=method, affine=False).to(dtype)
    out = rows_of(layer(correlated(16, 32, 10, 10).to(dtype)).double())
    for part in np.split(out, 2, axis=1):
        assert np.abs(np.cov(part.T, bias=True) - np.eye(16)).max() < 1e-3
    assert np.abs(out.mean(0)).max() < 1e-5


@given(
    groups=st.integers(1, 3), size=st.integers(1, 4), batch=st.integers(20, 40),
    positions=st.sampled_from([(), (3,), (80,), (3, 4), (9, 9)]), seed=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_agrees_with_numpy_for_every_rank(groups, size, batch, positions, seed):
    x = correlated(batch, groups * size, *positions, seed=seed)
    for method, iterations in (("eigen", 1), ("newton-schulz", 40)):
        layer = DecorrelatedBatchNorm(groups * size, groups, method=method, iterations=iterations).double()
        np.testing.assert_allclose(rows_of(layer(x)), twin(rows_of(x), groups, layer.eps), atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_groups_of_one_channel_are_batch_norm(method):
    x = correlated(8, 6, 5, 5).float()
    ours, torchs = DecorrelatedBatchNorm2d(6, groups=6, method=method), nn.BatchNorm2d(6)
    with torch.no_grad():
        for layer in (ours, torchs):
            layer.weight.copy_(torch.linspace(0.5, 2, 6))
            layer.bias.copy_(torch.linspace(-1, 1, 6))
    torch.testing.assert_close(ours(x), torchs(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_three_ranks_agree(training):
    x = correlated(6, 8, 4, 5)
    flat = x.permute(0, 2, 3, 1).reshape(-1, 8)
    plane, line, rows = (
        kind(8, groups=2).double() for kind in (DecorrelatedBatchNorm2d, *[DecorrelatedBatchNorm1d] * 2)
    )
    for layer in (plane, line, rows):
        layer.train(training)
    want = plane(x)
    torch.testing.assert_close(line(x.flatten(2)).view_as(x), want)
    torch.testing.assert_close(rows(flat).view(6, 4, 5, 8).permute(0, 3, 1, 2), want)
    torch.testing.assert_close(rows.running_whitening, plane.running_whitening)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(12, 6), (5, 6, 4), (3, 6, 3, 2), (2, 6, 8, 8)])
@pytest.mark.parametrize("training", [True, False])
def test_gradients(method, shape, training):
    layer = DecorrelatedBatchNorm(6, groups=2, method=method).double().train(training)
    weight, bias = (torch.rand(6, dtype=torch.float64).requires_grad_() for _ in range(2))

    def call(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    inputs = (correlated(*shape).requires_grad_(), weight, bias)
    assert torch.autograd.gradcheck(call, inputs, fast_mode=shape[-1] == 8)
    if shape == (12, 6):
        assert torch.autograd.gradgradcheck(call, inputs, fast_mode=True)


@pytest.mark.parametrize("method", METHODS)
def test_the_gradient_is_finite_where_all_eigenvalues_are_equal(method):
    # Rows of a Hadamard matrix: every covariance is the identity already.
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    hadamard = torch.kron(torch.kron(signs, signs), signs)
    x = hadamard[:, 1:5].contiguous().requires_grad_()
    layer = DecorrelatedBatchNorm1d(4, groups=1, method=method).double()
    torch.testing.assert_close(layer(x), x, atol=1e-4, rtol=0)
    assert torch.autograd.gradcheck(layer, (x,))


def test_running_statistics_and_a_deterministic_evaluation():
    layer = DecorrelatedBatchNorm1d(4, groups=2, momentum=0.25).double()
    mean, whitening = layer.running_mean.clone(), layer.running_whitening.clone()
    for seed in range(3):
        x = correlated(50, 4, seed=seed)
        layer(x)
        mean = 0.75 * mean + 0.25 * x.mean(0)
        centred = x - x.mean(0)
        blocks = [centred[:, k : k + 2].T @ centred[:, k : k + 2] / 50 for k in (0, 2)]
        whitening = 0.75 * whitening + 0.25 * layer.whitening(torch.stack(blocks))
    torch.testing.assert_close(layer.running_mean, mean)
    torch.testing.assert_close(layer.running_whitening, whitening)
    layer.eval()
    x = correlated(9, 4, seed=9)
    want = (x - mean) @ torch.block_diag(*whitening).T
    torch.testing.assert_close(layer(x), want)
    torch.testing.assert_close(layer(x[3:4]), want[3:4])
    assert int(layer.num_batches_tracked) == 3


def test_no_momentum_is_the_plain_average():
    layer = DecorrelatedBatchNorm1d(4, momentum=None).double()
    batches = [correlated(30, 4, seed=seed) for seed in range(4)]
    for x in batches:
        layer(x)
    torch.testing.assert_close(layer.running_mean, torch.stack([x.mean(0) for x in batches]).mean(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    layer = DecorrelatedBatchNorm2d(16)
    x = correlated(8, 16, 9, 9).to(dtype)
    out = layer(x)
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), layer(x.float()), atol=0.05, rtol=0.02)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(x.float()), layer(x.float()))
        assert layer(x.float()).dtype == torch.float32


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_any_memory_layout(layout):
    x = correlated(4, 8, 9, 9)
    layer = DecorrelatedBatchNorm2d(8).double()
    torch.testing.assert_close(layer(x.contiguous(memory_format=layout)), layer(x))


def test_it_survives_state_dict_deepcopy_and_export():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), DecorrelatedBatchNorm2d(8, groups=2), nn.ReLU())
    x = torch.randn(5, 3, 12, 12)
    model(x)
    model.eval()
    fresh = nn.Sequential(nn.Conv2d(3, 8, 3), DecorrelatedBatchNorm2d(8, groups=2), nn.ReLU()).eval()
    fresh.load_state_dict(model.state_dict())
    want = model(x)
    for other in (fresh, copy.deepcopy(model)):
        assert torch.equal(other(x), want)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))
    torch.testing.assert_close(program.module()(x[:3]), want[:3])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, inside its compiler
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", METHODS)
def test_compiled_it_computes_the_same(backend, method):
    layer = DecorrelatedBatchNorm2d(8, groups=2, method=method, iterations=4)
    plain = copy.deepcopy(layer)
    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    results = []
    for module in (plain, compiled):
        x = correlated(4, 8, 9, 9).float().requires_grad_()
        module(x).square().mul(torch.arange(9)).sum().backward()
        results.append(x.grad)
    torch.testing.assert_close(results[1], results[0], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(layer.running_whitening, plain.running_whitening)


@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (lambda: DecorrelatedBatchNorm2d(30, groups=4), None, "the 30 channels; got 4. Nearest that do: 3 and 5"),
        (lambda: DecorrelatedBatchNorm2d(30, groups=0), None, "Nearest that do: 1"),
        (lambda: DecorrelatedBatchNorm2d(8, method="pca"), None, "auto, newton-schulz, eigen"),
        (lambda: DecorrelatedBatchNorm2d(8, eps=0.0), None, "eps must be above 0"),
        (lambda: DecorrelatedBatchNorm2d(8, momentum=1.5), None, r"momentum must be in \[0, 1\]"),
        (lambda: DecorrelatedBatchNorm2d(8, iterations=0), None, "iterations must be at least 1"),
        (lambda: DecorrelatedBatchNorm2d(8), (4, 8), "must have 4 dimensions"),
        (lambda: DecorrelatedBatchNorm1d(8), (4, 8, 2, 2), "must have 2 or 3 dimensions"),
        (lambda: DecorrelatedBatchNorm2d(8), (4, 6, 2, 2), "must have 8 channels"),
        (lambda: DecorrelatedBatchNorm1d(8), (8, 8), "at least 9 values per channel.*drop_last"),
        (lambda: DecorrelatedBatchNorm1d(8, groups=4), (1, 8), "at least 3 values per channel"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, shape, words):
    with pytest.raises(BadValue, match=words):
        make()(torch.randn(shape))


def test_one_row_is_enough_in_evaluation():
    assert DecorrelatedBatchNorm1d(8).eval()(torch.randn(1, 8)).shape == (1, 8)
