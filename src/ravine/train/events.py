"""What a training tells those who listen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue

Event = Literal["start", "epoch_start", "step", "look", "epoch_end", "improved", "saving", "snapshot", "end"]
EVENTS: tuple[Event, ...] = get_args(Event)


class Events:
    """Listeners by event.

    - "start": about to train; the plan is made, a snapshot restored;
    - "epoch_start": an epoch begins;
    - "step": after each optimizer step (costs a call a step, so only where it is needed);
    - "look": a few times a second, with losses freshly read;
    - "epoch_end": `trainer.rows[-1]` holds the epoch's numbers;
    - "improved": the watched metric is the best so far;
    - "saving": a snapshot is about to be written;
    - "snapshot": it was written;
    - "end": the training is over; `trainer.outcome` says how.

    A listener is called with the trainer. What it raises ends the training.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[Any], object]]] = {event: [] for event in EVENTS}

    def on(self, event: Event, listener: Callable[[Any], object]) -> None:
        """Call `listener(trainer)` at each `event`."""
        if event not in self._listeners:
            raise BadValue(f"unknown event {event!r}.{did_you_mean(event, EVENTS)} Known: {', '.join(EVENTS)}.")
        self._listeners[event].append(listener)

    def tell(self, event: Event, trainer: Any) -> None:
        """Call everyone who listens to `event`."""
        for listener in self._listeners[event]:
            listener(trainer)

    def heard(self, event: Event) -> bool:
        """Whether anyone listens to `event`."""
        return bool(self._listeners[event])
