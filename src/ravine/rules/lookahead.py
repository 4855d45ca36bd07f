"""Lookahead: k steps forward, one step back."""

from __future__ import annotations

from typing import Any, NamedTuple

from ravine.core.intervals import UNIT
from ravine.core.sources import Source
from ravine.rules.rule import Reach
from ravine.rules.wrapper import Wrapper


class LookaheadState(NamedTuple):
    """What Lookahead remembers."""

    slow: Any  # like p, starts as a copy of p: the slow weights


def due(t: int, *, k: int) -> bool:
    """Whether slow and fast weights meet at the end of step t ≥ 1: every k steps."""
    return t % k == 0


def lookahead(p: Any, s: LookaheadState, *, alpha: Any = 0.5) -> tuple[Any, LookaheadState]:
    """The parameter after slow and fast weights have met.

        slow ← slow + α·(p − slow)
        p ← slow

    Args:
        p: Fast weights after the k-th step of the inner rule, shape (*).
        s: Slow weights, shape (*).
        alpha: α, how far the slow weights go towards the fast ones.

    Returns:
        The new parameter, shape (*), and the slow weights, the same.

    Source: Zhang et al. 2019, Algorithm 1.
    """
    slow = s.slow + alpha * (p - s.slow)
    return slow, LookaheadState(slow)


LOOKAHEAD = Wrapper(
    name="lookahead",
    driver="Copy p into `slow` before the first step. After each step of the inner rule, weight decay included, and "
    "where `due(t, k=k)`: p, state = after(p, state, alpha=alpha). The inner rule keeps its own state.",
    after=lookahead,
    due=due,
    state=LookaheadState,
    reach=Reach.ELEMENT,
    formula="every k steps: slow ← slow + α(p − slow); p ← slow",
    bounds={"alpha": UNIT},
    options={"k": range(1, 10_001)},
    defaults={"alpha": 0.5, "k": 5},
    source=Source("Zhang et al.", 2019, "Lookahead Optimizer: k steps forward, 1 step back", arxiv="1907.08610"),
)
