"""When a snapshot of a training is due, what is in it, and how a training goes on from one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from ravine.core.errors import BadRun
from ravine.records.folder import RunFolder
from ravine.train.checkpoint import Snapshots
from ravine.train.randomness import random_state, set_random_state

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

SHARE = 50
"""A snapshot that took a second is followed by the next after as many seconds: 2% of the time."""

SHORTEST_WAIT = 0.5
"""Seconds between two snapshots, however cheap they are."""


class Kept(Protocol):
    """Something beside the training whose state is part of its snapshots."""

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        ...


class Safekeeping:
    """The snapshots of one training.

    Args:
        folder: Of the run.
        longest_wait: Seconds after which a snapshot is due whatever it costs.
    """

    def __init__(self, folder: RunFolder, longest_wait: float) -> None:
        self._folder = folder
        self._snapshots = Snapshots(folder.checkpoints)
        self._longest_wait = longest_wait
        self._cost = 0.0  # seconds the last one took
        self._kept_best: tuple[int, ...] = ()  # best steps the snapshots on disk refer to, newest first
        self.start_clock()

    def start_clock(self) -> None:
        """Count the time to the next snapshot from now."""
        self._last = time.perf_counter()

    def newest(self) -> dict[str, Any] | None:
        """The newest whole snapshot, None where there is none."""
        found = self._snapshots.newest()
        return None if found is None else found[1]

    def due(self) -> bool:
        """Whether to write one now: as often as costs about 2% of the time."""
        wait = min(max(SHARE * self._cost, SHORTEST_WAIT), self._longest_wait)
        return time.perf_counter() - self._last >= wait

    def write(self, trainer: Trainer) -> None:
        """Keep where `trainer` is now. Every process calls this; one writes."""
        assert trainer.machine is not None
        began = time.perf_counter()
        state = whole_state(trainer)
        if trainer.machine.speaks:
            best_step = trainer.best_step
            # The best weights first: a snapshot on disk never names a file that is not there.
            if trainer.best_state is not None and best_step is not None:
                self._snapshots.write_best(best_step, trainer.best_state)
            self._snapshots.write(trainer.step, state)
            if best_step is not None:
                self._snapshots.forget_best({best_step, *self._kept_best})
                self._kept_best = (best_step, *self._kept_best)[:2]
        self.start_clock()
        self._cost = self._last - began

    def restore(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Put `trainer` where it was when `state` was written.

        Raises:
            BadRun: The snapshot is of other data, another model or another number of processes.
        """
        best_step = state["best_step"]
        best = None if best_step is None else self._snapshots.best(best_step)
        if best_step is not None:
            self._kept_best = (best_step,)
        restore(trainer, state, best, where=str(self._folder.path))

    def go_back(self, state: dict[str, Any] | None, best: dict[str, Any] | None) -> None:
        """Make `state` the newest snapshot, or leave none: what was written after it is forgotten."""
        self._snapshots.forget_after(-1 if state is None else state["step"])
        if state is not None:
            if best is not None:
                self._snapshots.write_best(state["best_step"], best)
            self._snapshots.write(state["step"], state)


def restore(trainer: Trainer, state: dict[str, Any], best: dict[str, Any] | None, *, where: str) -> None:
    """Put `trainer` where it was when `state` was taken.

    Args:
        trainer: Set up for the same data, network and optimizer.
        state: As `whole_state` gives it.
        best: The best weights that `state` refers to.
        where: It comes from, for errors.

    Raises:
        BadRun: The state is of other data, another model or another number of processes.
    """
    assert trainer.machine is not None
    _check(trainer, state, where)
    try:
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise BadRun(
            f"{where}: its snapshot belongs to another model or optimizer: "
            f"{str(error).splitlines()[0]} Resume with the recipe it began with."
        ) from error
    if trainer.average is not None:
        trainer.average.load_state_dict(state["average"])
    trainer.keeper.load_state_dict(state["keeper"])
    trainer.stops.load_state_dict(state["stops"])
    if trainer.noise_scale is not None:
        trainer.noise_scale.load_state_dict(state["noise_scale"][trainer.machine.rank])
    trainer.schedule.load_state_dict(state["schedule"])
    trainer.watch, trainer.step = state["watch"], state["step"]
    trainer.seconds = state["seconds"]
    trainer.samples, trainer.busy_seconds = state["samples"], state["busy_seconds"]
    trainer.best_step, trainer.best_state = state["best_step"], best
    if state["tally"] is not None:
        trainer.tally.load_state_dict(state["tally"], trainer.machine.device)
    for name, kept in trainer.kept_along.items():
        if name in state.get("along", {}):
            kept.load_state_dict(state["along"][name])
    mine = state["random"][trainer.machine.rank]
    trainer.epoch_start_state = mine["epoch_start"]
    if trainer.step % len(trainer.batches):
        trainer.replay_to = mine["now"]
    else:
        set_random_state(mine["now"])


def _check(trainer: Trainer, state: dict[str, Any], where: str) -> None:
    assert trainer.machine is not None
    if state["steps_per_epoch"] != len(trainer.batches):
        raise BadRun(
            f"{where}: its snapshot has {state['steps_per_epoch']} steps an epoch, this data gives "
            f"{len(trainer.batches)}. Resume with the data and batch size it began with."
        )
    processes = len(state["random"])
    if processes != trainer.machine.world:
        raise BadRun(
            f"{where}: was trained by {processes} processes, not {trainer.machine.world}. "
            f"Resume with --devices {processes}."
        )


def whole_state(trainer: Trainer) -> dict[str, Any]:
    """Everything a resumed run needs to go on as if nothing had happened; every process takes part.

    Tensors are the training's own: they change with its next step.
    """
    assert trainer.machine is not None
    random_states = trainer.machine.gather_objects({"now": random_state(), "epoch_start": trainer.epoch_start_state})
    noise = trainer.noise_scale.state_dict() if trainer.noise_scale is not None else None
    noise_scales = trainer.machine.gather_objects(noise)
    return {
        "step": trainer.step,
        "total_steps": trainer.total_steps,
        "steps_per_epoch": len(trainer.batches),
        "seconds": trainer.elapsed(),
        "samples": trainer.samples,
        "busy_seconds": trainer.busy_seconds,
        "decision": trainer.decision.to_json(),
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "average": trainer.average.state_dict() if trainer.average is not None else None,
        "keeper": trainer.keeper.state_dict(),
        "stops": trainer.stops.state_dict(),
        "noise_scale": noise_scales,
        "schedule": trainer.schedule.state_dict(),
        "watch": trainer.watch,
        "best_step": trainer.best_step,
        "tally": trainer.tally.state_dict() if trainer.step % len(trainer.batches) else None,
        "random": random_states,
        "along": {name: kept.state_dict() for name, kept in trainer.kept_along.items()},
    }
