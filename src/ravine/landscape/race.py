"""Rules side by side on a surface: all of them, at all their learning rates, in one batched run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import FINITE, POSITIVE, Interval
from ravine.landscape.entries import Entry, entry
from ravine.landscape.members import Member, crews
from ravine.landscape.surfaces import SURFACES, Point, Surface

_DIGITS = (1.0, 1.6, 2.5, 4.0, 6.3)
SEARCHED = (*(float(f"{digit}e{power}") for power in range(-4, 1) for digit in _DIGITS), 10.0)
"""The learning rates that a search tries: five a decade, from 1e-4 to 10."""

MOST_STEPS = 10_000
_OWNER = "race"
_SHARE = Interval(0.0, 1.0, left_open=True, right_open=True)


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """The path of one contestant.

    Attributes:
        entry: Who ran.
        lr: At which learning rate.
        points: Where it stood at the start and after each step, shape (steps + 1, 2), float64.
        losses: The loss there, shape (steps + 1,).
        reached: The first step from which on the loss stays within the tolerance; None when it does not.
    """

    entry: Entry
    lr: float
    points: Tensor
    losses: Tensor
    reached: int | None

    @property
    def label(self) -> str:
        """What it is called."""
        return self.entry.label

    @property
    def loss(self) -> float:
        """The loss at the end."""
        return float(self.losses[-1])

    @property
    def end(self) -> Point:
        """Where it stood at the end."""
        return float(self.points[-1, 0]), float(self.points[-1, 1])

    @property
    def diverged(self) -> bool:
        """Whether it ended higher than it began, or nowhere."""
        return not self.loss <= float(self.losses[0])


@dataclass(frozen=True, slots=True, eq=False)
class Race:
    """What a race showed.

    Attributes:
        surface: Where it was run.
        start: From which point.
        steps: For how many steps.
        tolerance: What counts as there: this share of the height of the start above the lowest minimum.
        searched: How many learning rates each contestant was given to find its best; 0 when rates were given.
        lanes: One path a contestant, in the order they were named.
    """

    surface: Surface
    start: Point
    steps: int
    tolerance: float
    searched: int
    lanes: tuple[Lane, ...]

    @property
    def target(self) -> float:
        """The loss at and below which a contestant is there."""
        return _target(self.surface, self.start, self.tolerance)

    def save(self, path: str | Path) -> Path:
        """Draw the race into `path`: a picture (.png), an animation (.gif) or an interactive page (.html).

        Raises:
            BadValue: The name ends in something else.
            BadRun: The file cannot be written.
        """
        from ravine.landscape.saving import save

        return save(self, Path(path))

    def table(self) -> str:
        """Who got there when, as lines of text."""
        head = ("optimizer", "learning rate", "steps to tolerance", "loss at the end", "ended at")
        rows = [head, *(_row(lane) for lane in self.lanes)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
        lines = ["  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Everything but the drawing, in JSON's own types; losses that are not finite are null."""
        from ravine.core.files import plain

        lanes = [
            {
                "optimizer": lane.label,
                "rule": lane.entry.rule.name,
                "around": lane.entry.wrapper.name if lane.entry.wrapper else None,
                "lr": lane.lr,
                "steps_to_tolerance": lane.reached,
                "loss": lane.loss,
                "end": lane.end,
                "diverged": lane.diverged,
                "path": lane.points.tolist(),
                "losses": lane.losses.tolist(),
            }
            for lane in self.lanes
        ]
        told = {
            "surface": self.surface.name,
            "formula": self.surface.formula,
            "start": self.start,
            "steps": self.steps,
            "tolerance": self.tolerance,
            "target": self.target,
            "rates_searched": self.searched,
            "lanes": lanes,
        }
        whole: dict[str, Any] = plain(told)
        return whole


def race(
    surface: str | Surface = "ravine",
    optimizers: Sequence[str] = ("sgd", "momentum", "nesterov", "adam"),
    *,
    lr: float | Sequence[float] | Literal["search"] = "search",
    steps: int = 200,
    start: Sequence[float] | None = None,
    tolerance: float = 1e-3,
) -> Race:
    """Run contestants on a surface from one start, without noise.

    All members are points of one tensor: the surface is evaluated once a step for all of them, and
    the members of one rule are stepped as one. A search adds a member for every rate it tries, so that
    it is the same single run; the best rate is the one that is there in the fewest steps, or,
    if none gets there, the one that ends lowest.

    >>> run = race("ravine", ["sgd", "momentum"], lr=[0.9, 0.1], steps=100)
    >>> [lane.reached for lane in run.lanes]
    [31, 62]

    Args:
        surface: A name in `SURFACES`, or a surface of your own.
        optimizers: Names of rules or wrappers, each with hyperparameters where wanted:
            "adam", "momentum:momentum=0.99", "lookahead:base=adam:k=10".
        lr: "search", one learning rate for all, or one for each.
        steps: How many, 1 to 10,000.
        start: The point (x, y) to start from; the surface's own when None.
        tolerance: Share of the start's height above the lowest minimum, in (0, 1), at which a contestant is there.

    Raises:
        BadValue: A name is unknown, or a value is not allowed.
    """
    ground = SURFACES[surface.replace("_", "-")] if isinstance(surface, str) else surface
    begin = _start(ground, start)
    entries = _entries(optimizers)
    rates = _rates(lr, entries)
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise BadValue(refusal(_OWNER, "steps", f"be a whole number in [1, {MOST_STEPS}]", steps))
    _SHARE.check(_OWNER, "tolerance", tolerance)
    members = [Member(one, rate) for one, tried in zip(entries, rates, strict=True) for rate in tried]
    paths = _run(ground, members, begin, steps)
    losses = ground(paths)
    target = _target(ground, begin, tolerance)
    lanes = [
        Lane(member.entry, member.lr, paths[:, place], losses[:, place], _settled(losses[:, place], target))
        for place, member in enumerate(members)
    ]
    best, done = [], 0
    for tried in rates:
        best.append(min(lanes[done : done + len(tried)], key=_rank))
        done += len(tried)
    return Race(ground, begin, steps, tolerance, len(SEARCHED) if lr == "search" else 0, tuple(best))


def _run(surface: Surface, members: Sequence[Member], start: Point, steps: int) -> Tensor:
    """Every member's answer at the start and after each step, shape (steps + 1, members, 2)."""
    points = torch.tensor(start, dtype=torch.float64).expand(len(members), 2).clone()
    together = crews(members, points, surface)
    paths = torch.empty(steps + 1, len(members), 2, dtype=torch.float64)
    paths[0] = points
    for step in range(1, steps + 1):
        gradients = surface.gradient(points)
        for crew in together:
            crew.step(points, gradients)
            paths[step, crew.places] = crew.answers(points)
    return paths


def _settled(losses: Tensor, target: float) -> int | None:
    """The first step from which on all of `losses`, shape (steps + 1,), are at or below `target`."""
    outside = (~(losses <= target)).nonzero()
    first = int(outside[-1]) + 1 if len(outside) else 0
    return first if first < len(losses) else None


def _rank(lane: Lane) -> tuple[float, float, float]:
    end = lane.loss if math.isfinite(lane.loss) else math.inf
    return (math.inf if lane.reached is None else float(lane.reached), end, lane.lr)


def _target(surface: Surface, start: Point, tolerance: float) -> float:
    height = float(surface(torch.tensor(start, dtype=torch.float64))) - surface.lowest
    return surface.lowest + tolerance * height


def _start(surface: Surface, start: Sequence[float] | None) -> Point:
    if start is None:
        return surface.start
    point = list(start)
    if len(point) != 2:
        raise BadValue(refusal(_OWNER, "start", "be two numbers, x and y", point))
    for name, value in zip(("x of start", "y of start"), point, strict=True):
        FINITE.check(_OWNER, name, value)
    if not math.isfinite(float(surface(torch.tensor(point, dtype=torch.float64)))):
        raise BadValue(refusal(_OWNER, "start", "be where the surface is finite", point))
    return float(point[0]), float(point[1])


def _entries(optimizers: Sequence[str]) -> list[Entry]:
    names = [optimizers] if isinstance(optimizers, str) else list(optimizers)
    if not names:
        raise BadValue(refusal(_OWNER, "optimizers", "name at least one", names))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadValue(f"{_OWNER}: optimizers names {twice[0]!r} twice; give one of them other hyperparameters.")
    return [entry(name) for name in names]


def _rates(lr: float | Sequence[float] | str, entries: Sequence[Entry]) -> list[Sequence[float]]:
    """The learning rates to try, for each entry."""
    if lr == "search":
        return [SEARCHED] * len(entries)
    if isinstance(lr, str):
        raise BadValue(refusal(_OWNER, "lr", "be 'search', a number, or one number for each optimizer", lr))
    given = [lr] if isinstance(lr, int | float) else list(lr)
    if len(given) not in (1, len(entries)):
        raise BadValue(refusal(_OWNER, "lr", f"be one number, or {len(entries)}, one for each optimizer", given))
    checked: list[Sequence[float]] = [[float(POSITIVE.check(_OWNER, "lr", rate))] for rate in given]
    return checked * len(entries) if len(checked) == 1 else checked


def _row(lane: Lane) -> tuple[str, ...]:
    there = "not reached" if lane.reached is None else str(lane.reached)
    if not all(map(math.isfinite, (*lane.end, lane.loss))):
        return lane.label, f"{lane.lr:g}", there, "diverged", "far away"
    return lane.label, f"{lane.lr:g}", there, f"{lane.loss:.4g}", f"{lane.end[0]:.3g}, {lane.end[1]:.3g}"
