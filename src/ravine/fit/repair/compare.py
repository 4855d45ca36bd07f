"""Which of several forks is best, beyond noise: they saw the same batches, so losses are compared pair by pair."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ravine.diagnose.noise import Estimate, level
from ravine.records.results import Attempt

ERRORS = 2.0
"""Standard errors beyond which a difference is none of noise."""

FEWEST = 5


def past(attempt: Attempt, fault_step: int) -> dict[int, float]:
    """Losses of a fork beyond the place of the fault, by step; of one that ended before, its last ones."""
    known = [(step, loss) for step, loss in zip(attempt.steps, attempt.losses, strict=True) if loss is not None]
    beyond = [(step, loss) for step, loss in known if step > fault_step]
    return dict(beyond if len(beyond) >= FEWEST else known[-FEWEST:])


def tail(attempt: Attempt, fault_step: int) -> Estimate:
    """The level of the loss past the place of the fault: of the second half, where it has settled."""
    values = list(past(attempt, fault_step).values())
    return level(values[len(values) // 2 :])


def betters(one: Attempt, other: Attempt, fault_step: int) -> bool:
    """Whether the loss of `one` is lower than that of `other` by more than noise, over the same batches.

    Args:
        one: A fork that passed the place of the fault.
        other: Another.
        fault_step: Where that is.
    """
    ours, theirs = past(one, fault_step), past(other, fault_step)
    both = [step for step in ours if step in theirs]
    both = both[len(both) // 2 :]
    found = level([ours[step] - theirs[step] for step in both])
    return len(both) > 1 and math.isfinite(found.error) and found.high(ERRORS) < 0


def best(attempts: Sequence[Attempt], fault_step: int) -> int | None:
    """The place of the attempt to adopt, None where none passed.

    Of those that no other betters beyond noise it is the one with the lowest validation loss, and where there is no
    validation set the first: the order is that of the ranking.
    """
    passed = [place for place, attempt in enumerate(attempts) if attempt.outcome == "passed"]
    if not passed:
        return None
    top = min(passed, key=lambda place: tail(attempts[place], fault_step).value)
    equals = [place for place in passed if place == top or not betters(attempts[top], attempts[place], fault_step)]
    return min(equals, key=lambda place: _validated(attempts[place]))


def goes_lower(attempt: Attempt, others: Sequence[Attempt], fault_step: int) -> bool:
    """Whether a fork that passed is better than all `others` that did, beyond noise or on the validation rows."""
    passed = [one for one in others if one.outcome == "passed"]
    lower = attempt.val_loss is not None and all(_validated(attempt) < _validated(one) for one in passed)
    return lower or all(betters(attempt, one, fault_step) for one in passed)


def _validated(attempt: Attempt) -> float:
    return math.inf if attempt.val_loss is None else attempt.val_loss
