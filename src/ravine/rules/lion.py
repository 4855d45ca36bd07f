"""Lion: steps of one size, in the direction of a sign."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import BELOW_ONE
from ravine.core.sources import Source
from ravine.rules.arithmetic import sign
from ravine.rules.rule import NoClock, Rule


class LionState(NamedTuple):
    """What Lion remembers."""

    m: Any  # like p, starts at 0: mean of the gradient


def lion(
    g: Any,
    p: Any,  # noqa: ARG001
    s: LionState,
    c: NoClock,  # noqa: ARG001
    *,
    beta1: Any = 0.9,
    beta2: Any = 0.99,
) -> tuple[Any, LionState]:
    """Direction of one Lion step; the driver applies p ← p − lr·u.

        u = sign(β₁·m + (1 − β₁)·g)
        m ← β₂·m + (1 − β₂)·g

    Every coordinate moves by α, so α is 3 to 10 times smaller than Adam's, and weight decay as
    much larger.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, shape (*).
        c: Nothing.
        beta1: β₁, the share of the mean in the direction.
        beta2: β₂, memory of the mean, about 1/(1 − β₂) steps.

    Returns:
        u, shape (*), each −1, 0 or 1; and the state after step t.

    Source: Chen et al. 2023, Algorithm 2.
    """
    u = sign(beta1 * s.m + (1 - beta1) * g)
    return u, LionState(beta2 * s.m + (1 - beta2) * g)


LION = Rule(
    name="lion",
    update=lion,
    state=LionState,
    formula="u = sign(β₁m + (1 − β₁)g); m ← β₂m + (1 − β₂)g",
    bounds={"beta1": BELOW_ONE, "beta2": BELOW_ONE},
    lr=1e-4,
    decay="decoupled",
    source=Source("Chen et al.", 2023, "Symbolic Discovery of Optimization Algorithms", arxiv="2302.06675"),
)
