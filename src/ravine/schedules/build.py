"""A recipe's text for a schedule, fitted to the length of a run."""

from __future__ import annotations

from dataclasses import replace

from ravine.core.errors import BadValue, refusal
from ravine.core.time import Clockwork, Length
from ravine.schedules.constant import Constant
from ravine.schedules.join import join
from ravine.schedules.parse import parse
from ravine.schedules.plateau import Guided, Plateau
from ravine.schedules.schedule import Schedule
from ravine.schedules.warmup import Warmup


def build(text: str, run: Clockwork | int, *, warmup: str | float | Length = 0) -> Schedule | Guided:
    """The schedule that `text` names, for this run, after a linear warmup unless it brings its own.

    The warmup's first step already moves: it starts at 1/(steps + 1). It takes half of the run at
    most. What follows it counts time from its end, and shares are of what it leaves.

    Args:
        text: What `parse` reads: "cosine", "step(every=30 epochs, factor=0.5)", "plateau(patience=3)".
        run: How long the run is.
        warmup: Length of the rise before it.

    Raises:
        BadValue: The text cannot be read; or the schedule is longer than the run.

    >>> plan = build("cosine", 100, warmup=4)
    >>> plan(0), plan(4), plan(100)
    (0.2, 1.0, 0.0)
    """
    clockwork = run if isinstance(run, Clockwork) else Clockwork(total_steps=run)
    if clockwork.total_steps < 1:
        raise BadValue(refusal("schedule", "total_steps", "be at least 1", clockwork.total_steps))
    found = parse(text)
    if isinstance(found, Plateau):
        found = Guided(Constant(), found)
    steps = min(Length.parse(warmup).steps(clockwork), clockwork.total_steps // 2)
    if steps == 0 or found.rises:
        return found.fitted(clockwork)
    rise = Warmup(steps, start=1 / (steps + 1))
    after = found.fitted(replace(clockwork, total_steps=clockwork.total_steps - steps))
    if isinstance(after, Guided):
        return Guided(rise if after.schedule == Constant() else join(rise, after.schedule), after.feedback)
    joined: Schedule = join(rise, after)
    return joined
