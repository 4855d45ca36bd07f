"""Has the loss left its trend for good? Judged step by step, from the losses alone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ravine.diagnose.noise import jitter

GROSS = 3.0  # times the loss of a guess: what no healthy run shows for long
HIGH_FOR = 10  # steps in a row
LEARNED = 0.3  # share of the first loss that must have been learned before it can be lost
LOST = 0.8  # of what had been learned
LOST_FOR = (30, 200)  # steps, at least and at most; in between an epoch
NEVER_LOWER = 0.9  # of the loss of a guess, after it had flown up
NEVER_FOR = (60, 400)  # steps, at least and at most; in between two epochs
SMOOTH = 5
LEVEL = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """A training that went wrong.

    Attributes:
        kind: "broke": the loss is no number; "flew": it rose far above that of a guess; "lost": what had been
            learned is; "thrown": it flew up and never came back.
        step: The first step at which it is so.
        left: The last step at which the loss was still on its trend.
        evidence: In numbers, a sentence.
    """

    kind: str
    step: int
    left: int
    evidence: str


class Trend:
    """Takes in the loss of every step, in order, and says when it has gone wrong.

    It is far more patient than a symptom: a run that looks healthy to it is left alone, and one that it
    calls faulty is gone back on. So it asks for ten steps in a row at three times the loss of a guess, or an
    epoch in which four fifths of all that was learned are lost.

    Args:
        steps_per_epoch: Of the training.
        guess: The loss of a network that knows nothing; 0 where that is not known, and the first loss stands for it.
    """

    def __init__(self, steps_per_epoch: int, guess: float = 0.0) -> None:
        self.guess = guess
        self._lost_for = min(max(steps_per_epoch, LOST_FOR[0]), LOST_FOR[1])
        self._never_for = min(max(2 * steps_per_epoch, NEVER_FOR[0]), NEVER_FOR[1])
        self._begin: float | None = None  # the level it begins at: the first loss, or that of a guess
        self._recent: deque[float] = deque(maxlen=LEVEL)
        self._lowest = math.inf
        self._lowest_step = 0
        self._flown = False
        self._high = self._lost = self._never = 0  # steps in a row

    def look(self, step: int, loss: float) -> tuple[str, int, str] | None:
        """Take in the loss of `step` (from 1); the kind of fault, its first step and the evidence, or None."""
        if not math.isfinite(loss):
            return "broke", step, f"The training loss became {loss} at step {step}"
        if self._begin is None:
            self._begin = max(loss, self.guess)
        begin = self._begin
        scale = max(abs(begin), self.guess)
        self._recent.append(loss)
        if len(self._recent) == LEVEL and (level := fmean(self._recent)) < self._lowest:
            self._lowest, self._lowest_step = level, step
        top = begin + (GROSS - 1) * scale
        self._high = self._high + 1 if loss > top else 0
        self._flown |= loss > top
        if self._high >= HIGH_FOR:
            return (
                "flew",
                step - HIGH_FOR + 1,
                f"The training loss is {loss:.4g} at step {step}, a guess has {begin:.4g}",
            )
        smooth = fmean(list(self._recent)[-SMOOTH:])
        learned = begin - self._lowest
        lost = learned > LEARNED * scale and smooth > self._lowest + LOST * learned
        self._lost = self._lost + 1 if lost else 0
        if self._lost >= self._lost_for:
            first = step - self._lost_for + 1
            return (
                "lost",
                first,
                f"The training loss had come down to {self._lowest:.4g} by step {self._lowest_step}; "
                f"since step {first} it is up, at {smooth:.4g}",
            )
        self._never = self._never + 1 if self._flown and smooth > begin - (1 - NEVER_LOWER) * scale else 0
        if self._never >= self._never_for:
            return (
                "thrown",
                step - self._never_for + 1,
                f"The training loss flew up and is {smooth:.4g} at step {step}, that of a guess",
            )
        return None

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {
            "begin": self._begin,
            "recent": list(self._recent),
            "lowest": self._lowest,
            "lowest_step": self._lowest_step,
            "flown": self._flown,
            "rows": [self._high, self._lost, self._never],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self._begin, self._recent = state["begin"], deque(state["recent"], maxlen=LEVEL)
        self._lowest, self._lowest_step = state["lowest"], state["lowest_step"]
        self._flown = state["flown"]
        self._high, self._lost, self._never = state["rows"]


def last_on_trend(steps: Sequence[int], losses: Sequence[float], fault: int) -> int:
    """The last step before `fault` at which the loss was near the lowest level it had reached by then.

    >>> last_on_trend(range(1, 13), [2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.5, 1.4, 1.5, 9.0, 80.0, float("inf")], 12)
    9

    Args:
        steps: Increasing.
        losses: At these.
        fault: A step.
    """
    before = [(step, loss) for step, loss in zip(steps, losses, strict=True) if step < fault and math.isfinite(loss)]
    if not before:
        return fault - 1
    values = [loss for _, loss in before]
    # As low as the median of the lowest stretch, so that one lucky batch does not count; noise is that of all up to its
    # end, since what comes after may be the fault.
    width = min(len(values), LEVEL // 4)
    low, at = min((sorted(values[at : at + width])[width // 2], at) for at in range(len(values) - width + 1))
    near = low + max(5 * jitter(values[: at + width]), 0.5 * abs(low))
    return next((step for step, loss in reversed(before) if loss <= near), before[0][0])
