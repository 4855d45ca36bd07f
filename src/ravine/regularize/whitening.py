"""Whitening in groups of channels: covariance, its inverse square root, and the product that applies it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ROOTS = ("auto", "newton-schulz", "eigen")
"""Ways to the inverse square root; "auto" is "eigen" on a CPU and "newton-schulz" elsewhere."""

# Below this many positions, one matrix per row is too small a product; rows and positions are then joined.
_FEW_POSITIONS = 64


def grouped(x: Tensor, groups: int) -> Tensor:
    """(batch, channels, *) → blocks of channels that the products below run over.

    Args:
        x: (batch, channels, *).
        groups: How many; they divide the channels.

    Returns: (parts, groups, channels / groups, values): one part per row where a row has many
        positions (a view), else one part in all (a copy).
    """
    rows, size = x.shape[0], x.shape[1] // groups
    blocks = x.reshape(rows, groups, size, -1)
    if blocks.shape[-1] >= _FEW_POSITIONS:
        return blocks
    return blocks.permute(1, 2, 0, 3).reshape(1, groups, size, -1)


def ungrouped(blocks: Tensor, shape: torch.Size) -> Tensor:
    """The way back from `grouped`, to (batch, channels, *)."""
    if blocks.shape[0] == 1:
        _, groups, size, _ = blocks.shape
        blocks = blocks.reshape(groups, size, shape[0], -1).permute(2, 0, 1, 3)
    return blocks.reshape(shape)


def covariance(centred: Tensor) -> Tensor:
    """Σ = (1/M) Σₘ xₘ xₘᵀ of each group, from blocks whose mean is 0 already.

    Taken of centred values, never as a difference of raw moments, which loses all digits when a
    mean is large beside its spread.

    Args:
        centred: (parts, groups, size, values), as `grouped` gives.

    Returns: (groups, size, size).
    """
    values = centred.shape[0] * centred.shape[-1]
    return (centred @ centred.mT).sum(0) / values


def moments(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The blocks without their mean μ, their covariance Σ, and μ (which carries no gradient).

    Its own gradient instead of autograd's, for half the time: with arriving gradients C of the centred
    values and S of Σ,

        dx = C − mean(C) + (1/M)(S + Sᵀ)(x − μ)

    Args:
        blocks: (parts, groups, size, values), as `grouped` gives.

    Returns: like the blocks; (groups, size, size); (groups, size).
    """
    mean = blocks.detach().mean((0, 3))
    centred, cov = _Moments.apply(blocks, mean)  # type: ignore[no-untyped-call]
    return centred, cov, mean


class _Moments(torch.autograd.Function):
    """`moments`; the centred values are an output so that a second derivative finds its way through them."""

    generate_vmap_rule = True

    @staticmethod
    def forward(blocks: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        centred = blocks - mean.unsqueeze(-1)
        return centred, covariance(centred)

    @staticmethod
    def setup_context(ctx: Any, _inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(output[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grad_cov: Tensor) -> tuple[Tensor, None]:
        (centred,) = ctx.saved_tensors
        parts, _, size, values = centred.shape
        both = ((grad_cov + grad_cov.mT) / (parts * values)).expand(parts, -1, -1, -1)
        # The product with centred values has mean 0 and needs no centring of its own.
        total = torch.baddbmm(
            grad.reshape(-1, size, values), both.reshape(-1, size, size), centred.reshape(-1, size, values)
        )
        return total.view(centred.shape).sub_(grad.mean((0, 3)).unsqueeze(-1)), None


def inverse_root(cov: Tensor, method: str, iterations: int) -> Tensor:
    """Σ^(−1/2), symmetric, of each matrix: the ZCA whitening matrix.

    Args:
        cov: Σ, symmetric positive definite, (groups, size, size).
        method: One of `ROOTS`.
        iterations: Steps of Newton and Schulz; "eigen" needs none.

    Returns: (groups, size, size).
    """
    # Products of many small matrices are what an accelerator is good at; a CPU decomposes them in less
    # time, and with a tenth of the calls, each of which may wait for a thread.
    if method == "eigen" or (method == "auto" and cov.device.type == "cpu"):
        return eigen_inverse_root(cov)
    return newton_schulz_inverse_root(cov, iterations)


def newton_schulz_inverse_root(cov: Tensor, iterations: int) -> Tensor:
    """Σ^(−1/2) by products alone, the same iterates as those of IterNorm.

        A = Σ/‖Σ‖_F,  Y₀ = A,  Z₀ = I
        T = ½(3I − Z·Y);  Y ← Y·T;  Z ← T·Z
        Σ^(−1/2) ≈ Z/√‖Σ‖_F

    Every eigenvalue a of A, in (0, 1], goes its own way: √a·z rises to 1 by a factor of 1.5 at first,
    then quadratically; k steps whiten fully down to a ≈ 1.5^−2(k − 4) and the directions below partly.
    The paper iterates Z alone, with the trace as scale; the pair (Y, Z) gives the same matrices in
    exact arithmetic and does not amplify rounding, and the Frobenius norm, the smaller scale,
    saves steps.

    Args:
        cov: Σ, symmetric positive definite, (groups, size, size).
        iterations: k.

    Source: Huang et al. 2019 (arXiv:1904.03441), algorithm 1; Higham 2008, "Functions of Matrices",
    section 6.3, for the coupled form.
    """
    scale = torch.linalg.matrix_norm(cov, keepdim=True)
    middle = (1.5 * torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)).expand_as(cov)
    y = cov / scale
    # Z₀ = I makes the first T known without a product.
    z = middle - 0.5 * y
    y = y @ z
    for _ in range(iterations - 1):
        step = torch.baddbmm(middle, z, y, alpha=-0.5)
        y, z = y @ step, step @ z
    root: Tensor = z / scale.sqrt()
    return root


def eigen_inverse_root(cov: Tensor) -> Tensor:
    """Σ^(−1/2) = U Λ^(−1/2) Uᵀ from Σ = U Λ Uᵀ, with a gradient that equal eigenvalues do not harm.

    The gradient of the eigenvectors divides by differences of eigenvalues; that of Σ^(−1/2) does
    not. By Daleckii and Krein, with wᵢ = λᵢ^(−1/2) and G the gradient arriving:

        dΣ = U (K ∘ (Uᵀ·½(G + Gᵀ)·U)) Uᵀ,    Kᵢⱼ = (wᵢ − wⱼ)/(λᵢ − λⱼ) = −wᵢ²wⱼ²/(wᵢ + wⱼ)

    A gradient that is itself to be differentiated solves the same equation without eigenvectors, with
    memory size⁴ a group.

    Args:
        cov: Σ, symmetric positive definite, (groups, size, size).

    Source: Huang et al. 2018 (arXiv:1804.08450); Higham 2008, "Functions of Matrices", theorem 3.11.
    """
    values, vectors = torch.linalg.eigh(cov.detach())
    root: Tensor = _SpectralRoot.apply(cov, values.rsqrt(), vectors)  # type: ignore[no-untyped-call]
    return root


class _SpectralRoot(torch.autograd.Function):
    """U diag(w) Uᵀ as a function of the matrix that (w, U) belong to."""

    generate_vmap_rule = True

    @staticmethod
    def forward(_cov: Tensor, w: Tensor, vectors: Tensor) -> Tensor:
        return (vectors * w.unsqueeze(-2)) @ vectors.mT

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cov, w, vectors, root = ctx.saved_tensors
        grad = 0.5 * (grad + grad.mT)
        if torch.is_grad_enabled():
            return _root_gradient(grad, cov, root), None, None
        rows, columns = w.unsqueeze(-1), w.unsqueeze(-2)
        kernel = -((rows * columns) ** 2) / (rows + columns)
        return vectors @ (kernel * (vectors.mT @ grad @ vectors)) @ vectors.mT, None, None


def _root_gradient(grad: Tensor, cov: Tensor, root: Tensor) -> Tensor:
    """dΣ from R·dΣ + dΣ·R = −W·G·W with W = Σ^(−1/2) and R = Σ·W, by operations that can be differentiated."""
    one = torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
    half = cov @ root
    # The operator X → RX + XR on X laid out row by row.
    both = torch.einsum("gij,kl->gikjl", half, one) + torch.einsum("ij,gkl->gikjl", one, half)
    right = -(root @ grad @ root)
    solved: Tensor = torch.linalg.solve(both.flatten(3).flatten(1, 2), right.flatten(1))
    return solved.view_as(grad)
