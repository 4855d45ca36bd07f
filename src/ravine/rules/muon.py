"""Muon: momentum with all its singular values brought near 1. Matrices only."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.rule import NoClock, Reach, Rule

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c of the quintic X ← aX + b(XXᵀ)X + c(XXᵀ)²X: steepest at 0, so that small singular
values grow fastest, at the price of ending anywhere in about [0.7, 1.2] instead of at 1."""


class MuonState(NamedTuple):
    """What Muon remembers."""

    v: Any  # like p, starts at 0: velocity, in the unit of g


def orthogonalize(x: Tensor, *, ns_steps: int, eps: Any, dtype: torch.dtype | None = None) -> Tensor:
    """UVᵀ of x = UΣVᵀ, roughly, by Newton–Schulz iteration.

    Args:
        x: Matrices, shape (…, rows, columns).
        ns_steps: How often to iterate; each costs three matrix products on the shorter side.
        eps: Smallest Frobenius norm that x is divided by.
        dtype: Precision to iterate in; that of x unless given.

    Returns:
        Matrices with singular values in about [0.7, 1.2] where those of x are not tiny, shape
        (…, rows, columns), dtype of x.
    """
    a, b, c = COEFFICIENTS
    tall = x.shape[-2] > x.shape[-1]
    y = x.to(dtype or x.dtype)
    y = y.mT if tall else y
    y = y / torch.linalg.matrix_norm(y, keepdim=True).clamp(min=eps)
    for _ in range(ns_steps):
        gram = y @ y.mT
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    found: Tensor = y.mT if tall else y
    return found.to(x.dtype)


def muon(
    g: Tensor,
    p: Tensor,  # noqa: ARG001
    s: MuonState,
    c: NoClock,  # noqa: ARG001
    *,
    momentum: Any = 0.95,
    eps: float = 1e-7,
    nesterov: bool = True,
    ns_steps: int = 5,
    adjust_lr_fn: str = "original",
    mode: str = "paper",
) -> tuple[Tensor, MuonState]:
    """Direction of one Muon step; the driver applies p ← p − lr·u.

        v ← ρ·v + g
        d = g + ρ·v        without Nesterov: d = v
        u = f · UVᵀ        where d = UΣVᵀ, by Newton–Schulz iteration

    f = √max(1, rows/columns) ("original"), or f = 0.2·√max(rows, columns), which gives u the
    root mean square that Adam's has, so that Adam's rates may be kept ("match_rms_adamw").

    For the weight matrices of hidden layers. A convolution's kernel is one when flattened to
    (out, everything else), which is the driver's to do. Biases, norms, embeddings and the
    output layer belong to another rule, commonly AdamW.

    Args:
        g: Gradient, shape (…, rows, columns), at most members before the matrix.
        p: Parameter, same shape. Not read.
        s: Velocity after step t − 1, same shape.
        c: Nothing.
        momentum: ρ, memory of the velocity, about 1/(1 − ρ) steps.
        eps: Smallest norm that d is divided by before the iteration.
        nesterov: Look ahead by one step of the velocity.
        ns_steps: How often to iterate.
        adjust_lr_fn: f, named as in torch.
        mode: "paper" iterates in the precision of g, "reference" in bfloat16 as the authors'
            code and torch do.

    Returns:
        u, shape (…, rows, columns), without unit, spectral norm about f; and the state after
        step t.

    Source: Jordan et al. 2024; "match_rms_adamw": Liu et al. 2025 (2502.16982).

    Departures: torch averages, v ← ρ·v + (1 − ρ)·g. The iteration starts from d/‖d‖, so that
    the two are the same.
    """
    v = momentum * s.v + g
    d = g + momentum * v if nesterov else v
    u = orthogonalize(d, ns_steps=ns_steps, eps=eps, dtype=torch.bfloat16 if mode == "reference" else None)
    rows, columns = g.shape[-2:]
    factor = math.sqrt(max(1.0, rows / columns)) if adjust_lr_fn == "original" else 0.2 * math.sqrt(max(rows, columns))
    return factor * u, MuonState(v)


MUON = Rule(
    name="muon",
    update=muon,
    state=MuonState,
    reach=Reach.TENSOR,
    matrices=True,
    formula="v ← ρv + g; u = f·UVᵀ of g + ρv = UΣVᵀ",
    bounds={"momentum": BELOW_ONE, "eps": NON_NEGATIVE},
    options={
        "nesterov": (True, False),
        "ns_steps": range(1, 21),
        "adjust_lr_fn": ("original", "match_rms_adamw"),
        "mode": ("paper", "reference"),
    },
    lr=2e-2,
    decay="decoupled",
    source=Source("Jordan et al.", 2024, "Muon: An optimizer for hidden layers in neural networks", "blog post"),
    twin="torch.optim.Muon",
)
