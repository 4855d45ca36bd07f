"""One schedule after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.schedules.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Joined:
    """Schedules in a row; each counts time from its own beginning.

        factor(t) = schedules[k](t − at[k − 1]) with k = |{a ∈ at : a ≤ t}|

    The same as torch's `SequentialLR`, which counts in the same way.

    Source: Goyal et al. 2017, section 2.2: a warmup, then the schedule proper.
    """

    schedules: tuple[Schedule, ...]
    at: tuple[float, ...]
    source: ClassVar[Source] = Source(
        "Goyal et al.", 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arxiv="1706.02677"
    )

    def __post_init__(self) -> None:
        if len(self.at) != len(self.schedules) - 1:
            must = f"name {len(self.schedules) - 1} steps, one between each two of {len(self.schedules)} schedules"
            raise BadValue(refusal("join", "at", must, self.at))
        if not all(step >= 0 for step in self.at) or list(self.at) != sorted(self.at):
            raise BadValue(refusal("join", "at", "be steps of at least 0 in rising order", self.at))

    def __call__(self, t: float) -> float:
        """The factor at step t."""
        k = bisect_right(self.at, t)
        return self.schedules[k](t - self.at[k - 1] if k else t)


def join(*schedules: Schedule, at: Sequence[float]) -> Joined:
    """The given schedules one after the other, changing at the steps `at`.

    >>> from ravine.schedules import Cosine, Warmup
    >>> plan = join(Warmup(10, start=0.1), Cosine(90), at=[10])
    >>> plan(0), plan(10), plan(100)
    (0.1, 1.0, 0.0)
    """
    return Joined(tuple(schedules), tuple(at))
