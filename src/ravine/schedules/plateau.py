"""Drop on plateau: feedback from a watched number, beside the schedules of time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE, UNIT, Interval
from ravine.core.sources import Source
from ravine.core.time import Clockwork
from ravine.schedules.constant import Constant
from ravine.schedules.schedule import Schedule, called, check_choice, check_number

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from ravine.schedules.on import GuidedScheduler, PlateauScheduler

_OPEN_UNIT = Interval(0.0, 1.0, left_open=True, right_open=True)


class PlateauState(NamedTuple):
    """What a `Plateau` has seen: numbers and None, so that any file can hold it."""

    factor: float = 1.0  # of the base rate, now
    best: float | None = None  # the best value so far, smoothed where that was asked for
    without_gain: int = 0  # values in a row no better than it
    resting: int = 0  # values yet to pass before the next drop may be counted to
    seen: int = 0  # values in all
    mean: float = 0.0  # of the finite values, not yet corrected for its start at 0
    averaged: int = 0  # how many are in `mean`


@dataclass(frozen=True, slots=True)
class Plateau:
    """Drops the rate when a watched number has stood still for longer than `patience` values.

        m ← smooth·m + (1 − smooth)·value,  m̂ = m/(1 − smoothⁿ)
        better: m̂ < best − threshold·|best| (relative) or m̂ < best − threshold (absolute)
        more than `patience` in a row not better: rate ← rate·factor, at least floor; then `cooldown` values of rest

    A value is whatever is given to it: a validation loss once an epoch, or the training loss once a
    step, smoothed, where there is no validation set. NaN and infinities are no gain and enter no mean.
    Pure: a state goes in, the next comes out.

    The same as torch's `ReduceLROnPlateau` on what both have; but a relative threshold asks for a
    gain of that share of |best|, so that losses below 0 must fall as well, and there is no `eps`.

    >>> drop = Plateau(patience=1, factor=0.5)
    >>> state, factors = PlateauState(), []
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
    ...     factor, state = drop(loss, state)
    ...     factors.append(factor)
    >>> factors
    [1.0, 1.0, 1.0, 0.5, 0.5]

    Args:
        patience: How many values in a row may be no better; the next one drops the rate.
        factor: Of each drop.
        threshold: How much better than the best counts as better.
        relative: Whether `threshold` is a share of the best.
        mode: Whether "min" or "max" is better.
        cooldown: Values after a drop that do not count: wait a bit before the next.
        floor: The factor never falls below.
        wait: Values at the beginning that do not count.
        smooth: Decay of the moving average of the values, 0 for none; it spans about 1/(1 − smooth) values.

    Source: Krizhevsky et al. 2012, section 5, who dropped by hand when the validation error stood still.
    """

    patience: int = 10
    factor: float = 0.1
    threshold: float = 1e-4
    relative: bool = True
    mode: str = "min"
    cooldown: int = 0
    floor: float = 0.0
    wait: int = 0
    smooth: float = 0.0
    source: ClassVar[Source] = Source(
        "Krizhevsky et al.", 2012, "ImageNet Classification with Deep Convolutional Neural Networks", "NIPS 25"
    )
    formula: ClassVar = "rate ← rate·factor after more than `patience` values that are not better"
    example: ClassVar = "plateau(patience=3, factor=0.5, cooldown=2)"
    bounds: ClassVar = {
        "patience": Interval(1, right_open=True),
        "factor": _OPEN_UNIT,
        "threshold": NON_NEGATIVE,
        "cooldown": NON_NEGATIVE,
        "floor": UNIT,
        "wait": NON_NEGATIVE,
        "smooth": BELOW_ONE,
    }
    options: ClassVar = {"mode": ("min", "max")}

    def __post_init__(self) -> None:
        for name, interval in self.bounds.items():
            check_number(self, name, getattr(self, name), interval)
        for name in ("patience", "cooldown", "wait"):
            if type(getattr(self, name)) is not int:
                raise BadValue(refusal("plateau", name, "be a whole number", getattr(self, name)))
        if type(self.relative) is not bool:
            raise BadValue(refusal("plateau", "relative", "be true or false", self.relative))
        check_choice(self, "mode", self.mode, self.options["mode"])

    def __call__(self, value: float, state: PlateauState | None = None) -> tuple[float, PlateauState]:
        """The factor of the base rate after `value` was seen, and what to remember."""
        state = self._averaged(value, state or PlateauState())
        smoothed = state.mean / (1 - self.smooth**state.averaged) if math.isfinite(value) else math.nan
        state = state._replace(seen=state.seen + 1)
        gained = self._is_better(smoothed, state.best)
        if gained:
            state = state._replace(best=smoothed, without_gain=0)
        if state.seen <= self.wait:
            return state.factor, state
        if state.resting > 0:
            state = state._replace(resting=state.resting - 1, without_gain=0)
        elif not gained:
            state = state._replace(without_gain=state.without_gain + 1)
        if state.without_gain > self.patience:
            factor = min(state.factor, max(state.factor * self.factor, self.floor))
            state = state._replace(factor=factor, without_gain=0, resting=self.cooldown)
        return state.factor, state

    @property
    def rises(self) -> bool:
        """It begins at 1."""
        return False

    def on(self, optimizer: Optimizer) -> PlateauScheduler:
        """A torch `LRScheduler` with `step(value)`, which sets every group's rate from its own base rate."""
        from ravine.schedules.on import PlateauScheduler

        return PlateauScheduler(optimizer, self)

    def __str__(self) -> str:
        return called(self)

    def _averaged(self, value: float, state: PlateauState) -> PlateauState:
        if not math.isfinite(value):
            return state
        return state._replace(mean=self.smooth * state.mean + (1 - self.smooth) * value, averaged=state.averaged + 1)

    def _is_better(self, value: float, best: float | None) -> bool:
        if best is None or math.isnan(value):
            return not math.isnan(value)
        margin = self.threshold * abs(best) if self.relative else self.threshold
        return value < best - margin if self.mode == "min" else value > best + margin


@dataclass(frozen=True, slots=True)
class Guided:
    """A schedule of time whose factor is lowered further by feedback, which listens once the schedule is over.

    Args:
        schedule: Of time; one without an end of its own is listened to from the beginning.
        feedback: What lowers.
    """

    schedule: Schedule
    feedback: Plateau

    def fitted(self, run: Clockwork | int) -> Guided:
        """The same with every length in steps."""
        return replace(self, schedule=self.schedule.fitted(run))

    @property
    def rises(self) -> bool:
        """Whether the schedule does."""
        return self.schedule.rises

    @property
    def begins(self) -> float:
        """The step from which the feedback counts."""
        return self.schedule.takes() or 0.0

    def on(self, optimizer: Optimizer, run: Clockwork | int | None = None, *, done: int = 0) -> GuidedScheduler:
        """A torch `LRScheduler` with `step()` for the time and `see(value)` for the feedback.

        Args:
            optimizer: Of torch or of Ravine; the rates it has now are the base rates.
            run: What lengths such as "5%" are fitted to; not needed when all are plain steps.
            done: Steps that the training has behind it.
        """
        from ravine.schedules.on import GuidedScheduler

        return GuidedScheduler(optimizer, self if run is None else self.fitted(run), done=done)

    def __str__(self) -> str:
        return str(self.feedback) if self.schedule == Constant() else f"{self.schedule} > {self.feedback}"
