"""The learning rate of a training: a schedule of time, lowered by feedback where the recipe asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch.optim import Optimizer

from ravine.core.time import Clockwork
from ravine.optim.averages.average import Factor
from ravine.schedules import Guided, PlateauState, build, parse
from ravine.schedules.on import momenta_of, set_momentum
from ravine.train.adjusted import UNCHANGED, Adjusted


class Rate:
    """The factor of the base rate at each step.

    A plateau sees the validation loss at each epoch's end, or the training loss, which is the mean
    over the epoch, where there is no validation set.

    Args:
        text: The recipe's schedule.
        run: How long the run is.
        warmup: The recipe's warmup.
        done: Steps that lie behind the run: it is laid out over these and the run's own, and goes on
            where they end.
        tail: Turns the factor of this run's steps into another that ends as an average asks for.
        adjusted: What a repair has changed: the rate may rise anew from some step on.

    Attributes:
        told: What it does, for people.

    Raises:
        BadValue: The schedule is longer than the run.
    """

    def __init__(
        self,
        text: str,
        run: Clockwork,
        warmup: str,
        *,
        done: int = 0,
        tail: Callable[[Factor], Factor] | None = None,
        adjusted: Adjusted = UNCHANGED,
    ) -> None:
        found = build(text, replace(run, total_steps=run.total_steps + done), warmup=warmup)
        self.told = text if parse(text).rises else f"{text} after a warmup of {warmup}"
        self.schedule = found.schedule if isinstance(found, Guided) else found
        self._plateau = found.feedback if isinstance(found, Guided) else None
        self._begins = found.begins if isinstance(found, Guided) else 0.0
        self._state = PlateauState()
        self.done = done
        self._factor = self._shifted if tail is None else tail(self._shifted)
        self._adjusted = adjusted
        self._momenta: list[float | None] = []

    @property
    def cycles_momentum(self) -> bool:
        """Whether the momentum moves too."""
        return self.schedule.cycles_momentum

    def __call__(self, step: int) -> float:
        """The factor at `step`, counted from 0."""
        return self._factor(step) * self._state.factor * self._adjusted.warmth(step)

    def drive(self, optimizer: Optimizer) -> None:
        """Remember the momenta that groups have of their own.

        Raises:
            BadValue: The schedule moves the momentum, and a group has none.
        """
        if self.cycles_momentum:
            self._momenta = momenta_of(optimizer, self.schedule)

    def set_momenta(self, groups: list[dict[str, Any]], step: int) -> None:
        """Give each group the momentum of `step`."""
        now = self.schedule.momentum_at(step + self.done)
        for group, own in zip(groups, self._momenta, strict=True):
            set_momentum(group, own if now is None else now)

    def look(self, step: int, row: Mapping[str, Any]) -> None:
        """Take in the numbers of an epoch that ended with `step`."""
        if self._plateau is not None and step + self.done >= self._begins:
            _, self._state = self._plateau(row.get("val_loss", row["train_loss"]), self._state)

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {"plateau": self._state._asdict(), "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self._state = PlateauState(**state["plateau"])

    def _shifted(self, step: float) -> float:
        return self.schedule(step + self.done)
