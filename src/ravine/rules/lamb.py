"""LAMB: Adam with a rate for each tensor, in proportion to its length."""

from __future__ import annotations

from typing import Any

from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.adam import AdamClock, AdamState, corrections
from ravine.rules.arithmetic import divide, norm, sqrt, where
from ravine.rules.rule import Reach, Rule


def clock(t: int, *, beta1: float, beta2: float) -> AdamClock:
    """The clock of LAMB at step t."""
    return corrections(t, beta1, beta2)


def lamb(
    g: Any,
    p: Any,
    s: AdamState,
    c: AdamClock,
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-6,
    weight_decay: Any = 1e-2,
) -> tuple[Any, AdamState]:
    """Direction of one LAMB step; the driver applies p ← p − lr·u and no decay of its own.

        m ← β₁·m + (1 − β₁)·g          m̂ = m / (1 − β₁ᵗ)
        v ← β₂·v + (1 − β₂)·g²         v̂ = v / (1 − β₂ᵗ)
        r = m̂ / (√v̂ + ε) + λ·p
        u = ‖p‖/‖r‖ · r                where one of the two is 0: u = r

    The norms are over the whole tensor, so that it cannot be flattened with others; a stack of
    members goes through `torch.func.vmap`. Weight decay is inside r: the norm has to see it.

    Args:
        g: Gradient, shape (*), one whole tensor.
        p: Parameter, shape (*).
        s: State after step t − 1, each slot (*).
        c: Bias corrections at step t.
        beta1: β₁, memory of the mean, about 1/(1 − β₁) steps.
        beta2: β₂, memory of the square, about 1/(1 − β₂) steps.
        eps: ε, in the unit of g.
        weight_decay: λ, per unit of learning rate.

    Returns:
        u, shape (*), in the unit of p and as long as p; and the state after step t.

    Source: You et al. 2020, Algorithm 2, with φ(z) = z.
    """
    m = beta1 * s.m + (1 - beta1) * g
    v = beta2 * s.v + (1 - beta2) * (g * g)
    r = m * c.scale / (sqrt(v) + eps * c.root) + weight_decay * p
    length, stride = norm(p), norm(r)
    trust = where((length > 0) & (stride > 0), divide(length, stride), stride * 0 + 1)
    return trust * r, AdamState(m, v)


LAMB = Rule(
    name="lamb",
    update=lamb,
    clock=clock,
    state=AdamState,
    reach=Reach.TENSOR,
    formula="r = m̂/(√v̂ + ε) + λp; u = r·‖p‖/‖r‖",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE, "eps": NON_NEGATIVE, "weight_decay": NON_NEGATIVE},
    lr=1e-3,
    decay="own",
    weight_decay=1e-2,
    source=Source(
        "You et al.",
        2020,
        "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
        arxiv="1904.00962",
    ),
)
