"""How the steps of a training are run here: as before when resuming, as asked, else as measured."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset, IterableDataset

from ravine.data.batches import LoaderBatches
from ravine.records.results import PlanSection
from ravine.train.guarded import make_deterministic, users_code
from ravine.train.plan import Decision, measured_decision, safe_decision
from ravine.train.randomness import random_state, set_random_state
from ravine.train.workers import measured_workers

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer


def decide(trainer: Trainer, state: dict[str, Any] | None, steps: int) -> tuple[Decision, PlanSection]:
    """The way a step is run, and what is to be said of it.

    Args:
        trainer: With its machine, its network on the device, and its batches.
        state: The snapshot to go on from, or None.
        steps: Optimizer steps the training will take.
    """
    assert trainer.machine is not None
    asked = trainer.machine_choices
    threads = None if asked.threads == "auto" else asked.threads
    workers = 0 if asked.workers == "auto" else asked.workers
    settled = trainer.start.decision or (None if state is None else Decision(**state["decision"]))
    if settled is not None:
        decision = settled
        plan = PlanSection(mode=asked.plan, choice=str(decision), reason="as before the interruption")
    elif asked.plan == "safe":
        decision, plan = safe_decision(threads)
        decision = replace(decision, workers=workers)
    else:
        kept = random_state()
        with users_code(lambda: "the first batch"):
            decision, plan = _measured(trainer, steps, threads, workers)
        set_random_state(kept)
        decision, plan = trainer.machine.from_first((decision, plan))
    if trainer.start.adjusted.precision is not None:
        decision = replace(decision, precision=trainer.start.adjusted.precision)
    if decision.deterministic:
        make_deterministic()
    return decision, plan


def _measured(trainer: Trainer, steps: int, threads: int | None, workers: int) -> tuple[Decision, PlanSection]:
    assert trainer.machine is not None
    device = trainer.machine.device
    batch = next(iter(trainer.batches.epoch(0)))
    decision, plan = measured_decision(trainer.model, trainer.loss, batch, device=device, steps=steps, threads=threads)
    if trainer.machine_choices.workers != "auto" or not is_loaded(trainer.given):
        return replace(decision, workers=workers), plan
    count, tried = measured_workers(
        lambda number: _loader(trainer, number), _step(trainer, decision), steps=steps * trainer.choices.accumulate
    )
    decision = replace(decision, workers=count)
    found = plan.model_copy(update={"candidates": [*plan.candidates, *tried], "choice": str(decision)})
    return decision, found


def is_loaded(data: Any) -> bool:
    """Whether the trainer itself makes the loader for `data`: a data set of the user's, row by row."""
    return isinstance(data, Dataset) and not isinstance(data, IterableDataset)


def _loader(trainer: Trainer, workers: int) -> DataLoader[Any]:
    batches = trainer.training_batches(workers)
    assert isinstance(batches, LoaderBatches)
    assert isinstance(batches.loader, DataLoader)
    return batches.loader


def _step(trainer: Trainer, decision: Decision) -> Any:
    """A forward and a backward pass over a loaded batch, on a copy of the network."""
    assert trainer.machine is not None
    device = trainer.machine.device
    batches = trainer.batches
    assert isinstance(batches, LoaderBatches)
    model = copy.deepcopy(trainer.model)
    run = decision.apply(model)

    def step(loaded: Any) -> None:
        inputs, target, _ = batches.parted(loaded)
        with decision.autocast(device):
            loss = trainer.loss(run(*inputs), target)
        loss.backward()  # type: ignore[no-untyped-call]
        model.zero_grad()

    return step


def planned_steps(epochs: float, steps_per_epoch: int) -> int:
    """Optimizer steps in so many epochs, at least one; the last epoch may be a part."""
    return max(math.ceil(epochs * steps_per_epoch), 1)
