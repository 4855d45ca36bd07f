"""The validity gate: what is planted is a fault only where the score is worse for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

P = 0.05
LEAST = 0.5  # of a standard deviation
EQUAL = 1e-9  # relative; scores nearer than this are the same


@dataclass(frozen=True)
class Judgement:
    """Whether a fault costs anything.

    Attributes:
        passes: Whether it does.
        loss: How much of the score it takes, in the score's own unit.
        deviations: The same in standard deviations of the clean scores over seeds.
        p: Of the paired t test, two-sided; NaN where there is a single pair.
    """

    passes: bool
    loss: float
    deviations: float
    p: float


def judge(clean: Sequence[float], planted: Sequence[float], worst: float) -> Judgement:
    """Compare scores, higher is better, paired by seed.

    Args:
        clean: Of the healthy runs, at least two, finite.
        planted: Of the runs with the fault, in the same order; NaN where there is no score.
        worst: What counts for a run without a score, and for one below it.
    """
    before = np.asarray(clean, float)
    after = np.maximum(np.nan_to_num(np.asarray(planted, float), nan=worst, neginf=worst), worst)
    if len(before) != len(after) or not len(before):
        raise ValueError(f"scores come in pairs; got {len(before)} and {len(after)}")
    differences = before - after
    loss = float(differences.mean())
    if len(before) < 2:
        return Judgement(False, loss, math.nan, math.nan)
    spread = float(before.std(ddof=1))
    size = max(1.0, float(np.abs(before).max()))
    deviations = loss / spread if spread > EQUAL * size else math.copysign(math.inf, loss) if loss else 0.0
    if differences.std(ddof=1) <= EQUAL * size:
        p = 0.0 if abs(loss) > EQUAL * size else 1.0
    else:
        p = float(stats.ttest_rel(before, after).pvalue)
    return Judgement(loss > 0 and p < P and deviations >= LEAST, loss, deviations, p)


def strengths(passing: Sequence[bool]) -> list[str]:
    """The names of an injection's strengths, given weakest first: "mild" is the weakest that passes the gate.

    >>> strengths([False, True, True, True]), strengths([True, True]), strengths([False])
    (['harmless', 'mild', 'medium', 'gross'], ['mild', 'gross'], ['harmless'])
    """
    through = [place for place, passes in enumerate(passing) if passes]
    names = ["harmless"] * len(passing)
    for place in through:
        names[place] = "medium"
    if through:
        names[through[0]] = "mild"
        names[through[-1]] = "gross"
    return names
