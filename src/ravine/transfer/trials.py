"""The beginning of a plan's training, judged on the held rows; nothing of it is lost where the plan is chosen.

A trial is the training itself, with its whole schedule laid out, stopped after some epochs. Its snapshot is what the
chosen plan goes on from, to the same bits as if it had never stopped.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from ravine.records.folder import RunFolder
from ravine.records.results import PlanSection
from ravine.train.trainer import Trainer
from ravine.transfer.judged import Judged, judge, standard_error
from ravine.transfer.plans import PlanName, ready
from ravine.transfer.setting import Setting

SHARE, MOST = 0.1, 0.25
"""Of the epochs of a training that a trial takes, one at least: the larger one while it has few steps."""

STEPS = 20
"""That a trial takes within these bounds."""

BEHIND = 3.0
"""Standard errors of the leader's loss by which a plan is clearly behind after an epoch."""

LONGEST = 1 / 3
"""Of the epochs, for fresh weights: they begin from nothing, so that it is their pace that is judged."""

SLOWING = 0.25
"""Mean pace of what is left of a training as a share of the pace at the end of the trial."""

NEAR = 1.5
"""Times the leader's loss, within which a plan must have come for its pace to count: far off any pace looks enough."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A plan as far as it was tried.

    Attributes:
        plan: Its name.
        judged: What it makes of the held rows.
        epochs: Passed.
        seconds: Taken.
        words: How the trial ended.
        promises: Whether it is expected to pass the leader, though it has not yet.
        folder: With its snapshot; None where nothing was begun.
        machine_plan: How its steps are run.
    """

    plan: PlanName
    judged: Judged
    epochs: int
    seconds: float
    words: str
    promises: bool = False
    folder: RunFolder | None = None
    machine_plan: PlanSection | None = field(default=None, repr=False)


def begin(setting: Setting, plan: PlanName, folder: Path, leader: Judged, *, minutes: float | None = None) -> Begun:
    """Train a copy by `plan` until it can be judged beside `leader`.

    Args:
        setting: Left as it is.
        plan: Any but linear.
        folder: For its records.
        leader: The best plan so far.
        minutes: For the whole of its training.

    Raises:
        KeyboardInterrupt: Somebody wants to stop.
    """
    began = time.perf_counter()
    assert setting.held is not None
    own = setting.copied(views=1, choices={**setting.choices, **({} if minutes is None else {"minutes": minutes})})
    made = ready(own, plan, run_dir=folder)
    look = _Rising(leader) if plan == "scratch" else _Once(leader)
    made.trainer.on("epoch_end", look)
    outcome = made.trainer.fit(made.train, made.held)
    if outcome.interrupted:
        raise KeyboardInterrupt
    return Begun(
        plan,
        judge(own.network, setting.held, setting.loss, setting.machine.device),
        outcome.epochs,
        time.perf_counter() - began,
        look.words or outcome.stopped_by,
        promises=look.promises,
        folder=RunFolder(folder) if outcome.broke_at is None else None,
        machine_plan=made.trainer.plan,
    )


class _Once:
    """Ends a trial after its share of the epochs, or where it is clearly behind."""

    promises = False

    def __init__(self, leader: Judged) -> None:
        self._leader = leader
        self._most = leader.loss + BEHIND * standard_error(leader.losses)
        self.words = ""

    def __call__(self, trainer: Trainer) -> None:
        loss = trainer.rows[-1]["val_loss"]
        few = trainer.step < STEPS and trainer.epoch < MOST * trainer.epochs
        if loss > self._most:
            self.stop(trainer, f"clearly behind: a loss of {loss:.3g}, what leads has {self._leader.loss:.3g}")
        elif trainer.epoch >= max(1, round(SHARE * trainer.epochs)) and not few:
            self.stop(trainer, "as long as a trial lasts")

    def stop(self, trainer: Trainer, words: str) -> None:
        """End it, with a snapshot; a training that is over goes its own way."""
        if trainer.step < trainer.total_steps and not trainer.stopped_by:
            self.words = trainer.stopped_by = words


class _Rising(_Once):
    """Tries fresh weights for longer, while they could still pass what leads."""

    def __call__(self, trainer: Trainer) -> None:
        losses = [row["val_loss"] for row in trainer.rows[-2:]]
        if len(losses) < 2:
            return
        loss, aim, left = losses[-1], self._leader.loss, trainer.epochs - trainer.epoch
        pace = losses[0] - loss
        told = f"a loss of {loss:.3g}, falling by {pace:.2g} an epoch"
        if not loss - pace * left < aim:
            self.stop(trainer, f"{told}: not at this pace does it reach {aim:.3g}, which leads")
        elif trainer.epoch >= LONGEST * trainer.epochs:
            ends = max(loss - SLOWING * pace * left, 0.0)
            self.promises = ends < aim and loss < NEAR * aim
            said = f"expected to end at {ends:.3g}" if loss < NEAR * aim else "too far off to be told from its pace"
            self.stop(trainer, f"{told}: {said}, what leads has {aim:.3g}")
