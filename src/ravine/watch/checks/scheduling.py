"""Whether a schedule made for epochs is stepped at every batch."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

from ravine.watch.checks.check import Check
from ravine.watch.instrument import Scene
from ravine.watch.place import place_of_call

IN_A_ROW = 10
TENFOLD = 0.1  # a rate that has fallen so far within the first epoch was not meant to


@dataclass(slots=True)
class _Pace:
    last: int = -1
    times: int = 0


class Scheduling(Check):
    """Sees schedulers that step with every batch and are through with most of their fall within an epoch.

    Exact: ten times in a row one step of the scheduler to one of the optimizer, more than one batch in an epoch, and
    the schedule's own numbers: its rate is a tenth, or its cosine over, before the first epoch is.
    """

    name: ClassVar[str] = "scheduling"

    def __init__(self) -> None:
        self._paces: dict[int, _Pace] = {}
        self._batches = 0

    def epoch(self, scene: Scene, loader: Any) -> None:
        """How long is an epoch?"""
        try:
            length = len(loader)
        except TypeError:
            return
        self._batches = self._batches or length

    def scheduler(self, scene: Scene, scheduler: Any) -> None:
        """How many steps since the last time?"""
        pace = self._paces.setdefault(id(scheduler), _Pace())
        pace.times = pace.times + 1 if scene.step - pace.last == 1 else 0
        pace.last = scene.step
        if pace.times == IN_A_ROW and self._batches > 1:
            over = _over_after(scheduler)
            if over < self._batches:
                scene.fact(
                    "schedule-stepped-per-batch",
                    scheduler=type(scheduler).__name__,
                    over_after=round(over),
                    batches=self._batches,
                    place=place_of_call(),
                )


def _over_after(scheduler: Any) -> float:
    """Steps after which the rate is a tenth of what it was, or a cosine is at its end; infinity when not known."""
    kind = type(scheduler).__name__
    gamma = getattr(scheduler, "gamma", 1.0)
    if kind == "CosineAnnealingLR":
        return float(scheduler.T_max)
    if kind in ("StepLR", "ExponentialLR") and 0 < gamma < 1:
        falls, rate = 0, 1.0
        while rate > TENFOLD:
            rate *= gamma
            falls += 1
        return float(falls * getattr(scheduler, "step_size", 1))
    if kind == "MultiStepLR" and 0 < gamma < 1:
        rate = 1.0
        for milestone, count in sorted(scheduler.milestones.items()):
            rate *= gamma**count
            if rate <= TENFOLD:
                return float(milestone)
    return inf
