"""The scores of a detector: what it says of healthy runs, and of faulty ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ravine.diagnose.symptom import Tier
from ravine.diagnose.symptoms import SYMPTOMS

Z = 1.959963984540054  # of 95%


@dataclass(frozen=True)
class Case:
    """One run, and what one detector says of it.

    Attributes:
        truth: What is planted and passes the gate; "" for a healthy run.
        accepted: All names that are right, `truth` among them.
        found: What the detector names, most likely first.
        abstained: What it says it cannot tell.
        first: Share of the steps after which a right name was there; NaN where none ever was, or it is not asked.
        harmless: What is planted and does no harm; "" where nothing is.
        so: All names that are true of what does no harm.
    """

    truth: str
    accepted: frozenset[str] = frozenset()
    found: tuple[str, ...] = ()
    abstained: frozenset[str] = frozenset()
    first: float = math.nan
    harmless: str = ""
    so: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Share:
    """A count of a number, and the share with its interval."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share; NaN of none."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, of 95%."""
        return wilson(self.count, self.of)


@dataclass(frozen=True)
class Scores:
    """What a detector is worth on some cases.

    Attributes:
        alarms: Healthy runs with a finding.
        patterns: The same of those in which nothing is planted.
        untrue: Healthy runs with a finding that names nothing that is planted.
        recall: Faulty runs with a finding.
        knowable: The same of the faults that the tier can know.
        top1, top3: Faulty runs of which the first name, or one of the first three, is right.
        set_precision: Right names among all names on faulty runs.
        set_recall: Faulty runs of which any name is right.
        abstains: Of the faults the tier cannot know, and of which nothing is named: those it says it cannot tell.
        time: Middle share of the steps after which a right name is there, where one ever is.
    """

    alarms: Share
    patterns: Share
    untrue: Share
    recall: Share
    knowable: Share
    top1: Share
    top3: Share
    set_precision: Share
    set_recall: Share
    abstains: Share
    time: float


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's score interval of 95% for a share.

    >>> tuple(round(end, 4) for end in wilson(0, 10))
    (0.0, 0.2775)
    """
    if not of:
        return 0.0, 1.0
    share, spread = count / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / of + spread / of / 4) / (1 + spread)
    return (0.0 if not count else middle - half), (1.0 if count == of else middle + half)


def can_know(symptom: str, tier: str) -> bool:
    """Whether a tier measures what a symptom needs."""
    order = [one.value for one in Tier]
    return order.index(SYMPTOMS[symptom].tier.value) <= order.index(tier)


def scores(cases: Iterable[Case], tier: str) -> Scores:
    """Count."""
    every = list(cases)
    healthy = [case for case in every if not case.truth]
    faulty = [case for case in every if case.truth]
    known = [case for case in faulty if can_know(case.truth, tier)]
    silent = [case for case in faulty if not can_know(case.truth, tier) and not case.found]
    times = [case.first for case in faulty if math.isfinite(case.first)]
    return Scores(
        alarms=_share(healthy, lambda case: bool(case.found)),
        patterns=_share([case for case in healthy if not case.harmless], lambda case: bool(case.found)),
        untrue=_share(healthy, lambda case: not case.so.issuperset(case.found)),
        recall=_share(faulty, lambda case: bool(case.found)),
        knowable=_share(known, lambda case: bool(case.found)),
        top1=_share(faulty, lambda case: _right(case, 1)),
        top3=_share(faulty, lambda case: _right(case, 3)),
        set_precision=Share(
            sum(name in case.accepted for case in faulty for name in case.found), sum(len(one.found) for one in faulty)
        ),
        set_recall=_share(faulty, lambda case: _right(case, None)),
        abstains=_share(silent, lambda case: case.truth in case.abstained),
        time=median(times) if times else math.nan,
    )


def confusion(cases: Iterable[Case]) -> Counter[tuple[str, str]]:
    """How often each planted fault is first called what; "healthy" for none, on either side."""
    return Counter((case.truth or "healthy", case.found[0] if case.found else "healthy") for case in cases)


def wrongly_fired(cases: Iterable[Case]) -> Counter[str]:
    """What is named on healthy runs, and how often."""
    return Counter(name for case in cases if not case.truth for name in case.found)


def first_right(early: Sequence[tuple[float, Sequence[str]]], accepted: frozenset[str]) -> float:
    """The share of steps from which on a right name is there."""
    return next((share for share, names in early if accepted.intersection(names)), math.nan)


def _right(case: Case, first: int | None) -> bool:
    return bool(case.accepted.intersection(case.found[:first]))


def _share(cases: Sequence[Case], holds: object) -> Share:
    return Share(sum(bool(holds(case)) for case in cases), len(cases))  # type: ignore[operator]
