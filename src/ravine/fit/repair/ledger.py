"""What a repair knows of a training: the loss and the gradient norm of its last steps, and places to go back to."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from ravine.fit.repair.goods import Goods
from ravine.fit.repair.trend import Fault, Trend, last_on_trend

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

MOST_STEPS = 2000
"""Steps that are remembered one by one."""

BETWEEN = 100
"""Steps between two places to go back to, where an epoch has more; else an epoch."""

NAME = "repair"


class Ledger:
    """Follows a trainer, and stops it once its loss has gone wrong for good.

    It draws nothing and changes no number: a training that stays healthy is the same with and without it. Steps are
    judged one by one in their order, so where a fault is found does not depend on when it is looked for.

    Args:
        guess: The loss of a network that knows nothing; 0 where that is not known.
        goods: Where places to go back to are kept; None keeps none.

    Attributes:
        fault: What went wrong, None while all is well.
        steps, losses: Of the last steps, from 1.
        norms: Of the gradient, before it was clipped, for the last of these steps.
    """

    def __init__(self, guess: float = 0.0, goods: Goods | None = None) -> None:
        self.goods = goods
        self.fault: Fault | None = None
        self.losses: deque[float] = deque(maxlen=MOST_STEPS)
        self.norms: deque[float] = deque(maxlen=MOST_STEPS)
        self._step = 0  # up to which losses were read
        self._seen = 0  # losses of the present epoch that were read
        self._guess = guess
        self._trend: Trend | None = None
        self._known: dict[str, Any] = {}  # state to take up once the trainer is set up

    def follow(self, trainer: Trainer) -> Trainer:
        """Listen to `trainer`, before it begins."""
        trainer.kept_along[NAME] = self
        trainer.norms = []
        for event, listener in (
            ("start", self._begin),
            ("epoch_start", self._turn),
            ("look", self._look),
            ("epoch_end", self._epoch_end),
        ):
            trainer.on(event, listener)  # type: ignore[arg-type]
        if self.goods is not None:
            trainer.on("step", self._place).on("saving", self._save)
        return trainer

    @property
    def steps(self) -> range:
        """The steps that `losses` are of."""
        return range(self._step - len(self.losses) + 1, self._step + 1)

    def since(self, step: int) -> tuple[list[int], list[float]]:
        """Steps after `step` and their losses."""
        skipped = sum(1 for one in self.steps if one <= step)
        return list(self.steps[skipped:]), list(islice(self.losses, skipped, None))

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        assert self._trend is not None
        return {
            "step": self._step,
            "seen": self._seen,
            "losses": torch.tensor(list(self.losses), dtype=torch.float64),
            "norms": torch.tensor(list(self.norms), dtype=torch.float64),
            "trend": self._trend.state_dict(),
            "goods": self.goods.steps if self.goods is not None else [],
            "fault": None
            if self.fault is None
            else [self.fault.kind, self.fault.step, self.fault.left, self.fault.evidence],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self._step, self._seen = state["step"], state["seen"]
        self.losses.extend(state["losses"].tolist())
        self.norms.extend(state["norms"].tolist())
        self.fault = None if state["fault"] is None else Fault(*state["fault"])
        self._known = state["trend"]
        if self.goods is not None:
            self.goods.load(state["goods"])

    def _begin(self, trainer: Trainer) -> None:
        self._trend = Trend(len(trainer.batches), self._guess)
        if self._known:
            self._trend.load_state_dict(self._known)
        self._stop(trainer)
        if self.goods is not None and not self.goods.steps:
            self.goods.take(trainer)

    def _turn(self, _: Trainer) -> None:
        self._seen = 0

    def _look(self, trainer: Trainer) -> None:
        self._read(trainer)
        self._stop(trainer)

    def _epoch_end(self, trainer: Trainer) -> None:
        self._look(trainer)
        self._take(trainer)

    def _place(self, trainer: Trainer) -> None:
        """After each step: a place inside a long epoch."""
        inside = trainer.step % len(trainer.batches)
        if inside and inside % BETWEEN == 0:
            self._read(trainer)
            self._take(trainer)

    def _save(self, trainer: Trainer) -> None:
        self._read(trainer)
        if self.goods is not None:
            self.goods.save()

    def _take(self, trainer: Trainer) -> None:
        if self.goods is not None and self.fault is None and trainer.step < trainer.end_step:
            self.goods.take(trainer)

    def _stop(self, trainer: Trainer) -> None:
        if self.fault is not None and not trainer.stopped_by and self.fault.kind != "broke":
            trainer.stopped_by = f"divergence: {self.fault.evidence[0].lower()}{self.fault.evidence[1:]}"

    def _read(self, trainer: Trainer) -> None:
        """Take in the steps since the last time."""
        assert self._trend is not None
        fresh = trainer.tally.losses()[self._seen :]
        norms = trainer.norms
        if norms:
            self.norms.extend(torch.stack(norms).double().cpu().tolist())
            norms.clear()
        self._seen += len(fresh)
        for loss in fresh:
            self._step += 1
            self.losses.append(loss)
            if self.fault is None:
                found = self._trend.look(self._step, loss)
                if found is not None:
                    kind, step, evidence = found
                    left = last_on_trend(self.steps, list(self.losses), step)
                    self.fault = Fault(kind, step, left, f"{evidence}; it was on its trend until step {left}.")
