"""AdaGrad: each coordinate's rate falls with all the gradient it has seen."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.rules.arithmetic import sqrt
from ravine.rules.rule import Rule


class AdagradState(NamedTuple):
    """What AdaGrad remembers."""

    s: Any  # like p, starts at 0: sum of the squared gradient


class AdagradClock(NamedTuple):
    """What of AdaGrad depends on the step alone."""

    scale: float  # 1/(1 + (t − 1)·lr_decay)


def clock(t: int, *, lr_decay: float = 0.0) -> AdagradClock:
    """The clock of AdaGrad at step t.

    Args:
        t: Step, from 1.
        lr_decay: The rate falls besides as 1/(1 + (t − 1)·lr_decay), as torch has it.
    """
    return AdagradClock(1.0 / (1.0 + (t - 1) * lr_decay))


def adagrad(
    g: Any,
    p: Any,  # noqa: ARG001
    s: AdagradState,
    c: AdagradClock,
    *,
    eps: Any = 1e-10,
    eps_inside: bool = False,
) -> tuple[Any, AdagradState]:
    """Direction of one AdaGrad step; the driver applies p ← p − lr·u.

        s ← s + g²
        u = g / (√s + ε)

    On a constant gradient u = 1/√t: the steps shrink for good, however long the run.

    Args:
        g: Gradient, shape (*).
        p: Parameter, shape (*). Not read.
        s: State after step t − 1, shape (*).
        c: The rate's own decay, 1 unless `lr_decay`, as torch has it: u/(1 + (t − 1)·lr_decay).
        eps: ε, in the unit of g. Lecture notes often use 1e-7.
        eps_inside: Put ε under the root, g/√(s + ε); it then has the unit of g².

    Returns:
        u, shape (*), without unit, in [−1, 1]; and the state after step t.

    Source: Duchi, Hazan & Singer 2011.
    """
    total = s.s + g * g
    size = sqrt(total + eps) if eps_inside else sqrt(total) + eps
    return g * c.scale / size, AdagradState(total)


ADAGRAD = Rule(
    name="adagrad",
    update=adagrad,
    clock=clock,
    state=AdagradState,
    formula="s ← s + g²; u = g/(√s + ε)",
    bounds={"eps": NON_NEGATIVE, "lr_decay": NON_NEGATIVE},
    options={"eps_inside": (False, True)},
    lr=1e-2,
    source=Source(
        "Duchi, Hazan & Singer",
        2011,
        "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
        "JMLR 12",
    ),
    twin="torch.optim.Adagrad",
)
