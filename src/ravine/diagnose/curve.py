"""A curve as it can be reasoned about: finite values at increasing steps, however the log was written.

Missing is not zero: placeholder zeros, gaps, several rows at a step, steps that begin again after a restart and
values that are no numbers are dealt with here, once, so that no symptom has to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from weakref import WeakKeyDictionary

from ravine.diagnose.noise import median
from ravine.records.history import History

MOST_POINTS = 500  # a longer curve is read as means of neighbours
FEWEST_EPOCHS = 6  # fewer: the rows of single steps are read instead, where there are more of them
LARGEST = 1e100  # squares of it still fit


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity over optimizer steps.

    Attributes:
        name: As in the log.
        kind: "epoch" or "step": which rows it was read from; "" where there are none.
        steps: Increasing.
        values: Finite, one for each step.
        rows: How many rows of the log one point is the mean of.
        broke_at: The step from which on there was no finite value any more; None where the last one is finite.
    """

    name: str
    kind: str
    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    rows: int = 1
    broke_at: int | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def points(self) -> Iterator[tuple[int, float]]:
        """Steps and values together."""
        return zip(self.steps, self.values, strict=True)

    def between(self, first: float, last: float) -> Curve:
        """The part from step `first` to step `last`, both included."""
        kept = [place for place, step in enumerate(self.steps) if first <= step <= last]
        return Curve(
            self.name,
            self.kind,
            tuple(self.steps[place] for place in kept),
            tuple(self.values[place] for place in kept),
            self.rows,
        )

    def thinned(self, most: int) -> Curve:
        """This curve in at most `most` points, each the mean of as many neighbours."""
        size = -(-len(self) // most)
        if size <= 1:
            return self
        # Blocks are counted from the end, so that the last one is whole: the first may be short.
        cuts = sorted({0, *range(len(self), 0, -size), len(self)})
        if len(cuts) > 2 and cuts[1] - cuts[0] < size / 2:
            del cuts[1]
        blocks = list(pairwise(cuts))
        return Curve(
            self.name,
            self.kind,
            tuple(self.steps[end - 1] for _, end in blocks),
            tuple(math.fsum(self.values[begin:end]) / (end - begin) for begin, end in blocks),
            self.rows * size,
            self.broke_at,
        )

    def scaled(self, factor: float) -> Curve:
        """This curve in another unit."""
        return Curve(self.name, self.kind, self.steps, tuple(factor * v for v in self.values), self.rows, self.broke_at)


_read: WeakKeyDictionary[History, tuple[int, dict[tuple[str, str], Curve]]] = WeakKeyDictionary()


def curve(history: History, name: str, kind: str | None = None) -> Curve:
    """The curve `name`, from the rows of `kind`; without one, by epoch where there are enough epochs, else by step."""
    if kind is None:
        by_epoch, by_step = curve(history, name, "epoch"), curve(history, name, "step")
        return by_step if len(by_epoch) < FEWEST_EPOCHS and len(by_step) > len(by_epoch) else by_epoch
    count, known = _read.get(history, (0, {}))
    if count != len(history):  # rows have come since
        known = {}
        _read[history] = (len(history), known)
    if (name, kind) not in known:
        series = history.series(name, kind)
        known[name, kind] = clean(name, kind, series.steps, series.values)
    return known[name, kind]


def outline(history: History, name: str, most: int = 60) -> Curve:
    """The curve `name` in few points, alike for logs of every density: what happens over the run as a whole."""
    return curve(history, name).thinned(most)


def clean(name: str, kind: str, steps: Sequence[int], values: Sequence[float]) -> Curve:
    """A curve from what a log says."""
    points = _in_order(list(zip(steps, values, strict=True)))
    points = _without_placeholders(_once_a_step(points))
    broke_at = None
    while points and not math.isfinite(points[-1][1]):
        broke_at = points.pop()[0]
    points = [(step, min(max(value, -LARGEST), LARGEST)) for step, value in points if math.isfinite(value)]
    whole = Curve(name, kind, tuple(step for step, _ in points), tuple(value for _, value in points), broke_at=broke_at)
    return whole.thinned(MOST_POINTS)


def _in_order(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Points by step. What a run that was taken up again has written twice counts as it was written last."""
    back = sum(later[0] < earlier[0] for earlier, later in pairwise(points))
    if back > max(3, len(points) // 50):  # no restarts: a log whose rows come in no order
        return sorted(points, key=lambda point: point[0])
    kept: list[tuple[int, float]] = []
    for step, value in points:
        if kept and step < kept[-1][0]:
            while kept and kept[-1][0] >= step:
                kept.pop()
        kept.append((step, value))
    return kept


def _once_a_step(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Several rows at one step as their mean."""
    merged: list[tuple[int, float]] = []
    begin = 0
    for end in range(1, len(points) + 1):
        if end < len(points) and points[end][0] == points[begin][0]:
            continue
        here = [value for _, value in points[begin:end]]
        finite = [value for value in here if math.isfinite(value)]
        merged.append((points[begin][0], sum(finite) / len(finite) if finite else here[-1]))
        begin = end
    return merged


def _without_placeholders(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Without the zeros that a log writes where nothing was measured: exact, and far from all that was measured."""
    real = [value for _, value in points if value != 0 and math.isfinite(value)]
    if not real or len(real) == len(points):
        return points
    typical = median([abs(value) for value in real])
    kept: list[tuple[int, float]] = []
    for place, (step, value) in enumerate(points):
        if value == 0:
            before = next((v for _, v in reversed(points[:place][-8:]) if v != 0), None)
            after = next((v for _, v in points[place + 1 : place + 9] if v != 0), None)
            around = [abs(v) for v in (before, after) if v is not None]
            if around and min(around) > 0.2 * typical:
                continue
        kept.append((step, value))
    return kept
