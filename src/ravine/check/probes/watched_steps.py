"""Watched steps: what `ravine watch` sees in the first steps of a training."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor

from ravine.check.needs import FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, State, passed, unsure
from ravine.check.subject import Loss, Subject
from ravine.check.training import BATCH, RATE, adam, batches, step
from ravine.core.sources import Source
from ravine.diagnose.doctor import diagnose
from ravine.records.history import History
from ravine.watch.watcher import Watcher, running

STEPS = 60
FEWEST = 30

SYMPTOMS = (
    "applies-softmax-twice",
    "uses-wrong-loss",
    "broadcasts-loss",
    "has-wrong-output-activation",
    "starts-symmetric",
    "starts-too-large",
    "starts-too-small",
    "has-dead-units",
    "saturates",
    "vanishes",
    "explodes",
    "turns-nan",
    "overflows",
    "has-nan-in-data",
    "is-unscaled",
    "has-unscaled-targets",
    "skips-parameters",
    "leaks",
)
"""Those that model, loss and data decide. What a training's own loop decides is not asked of ours."""


def watched_steps(subject: Subject) -> Seen:
    """Sixty steps of a copy, with the user's optimizer where one was returned, under every instrument of the watcher.

    What it does: what `ravine watch` does to a whole program, on a loop of our own; told is what the model, the loss
        and the data decide: softmax before cross entropy, shapes that broadcast, an activation that keeps the outputs
        from the targets, dead units, saturation, lost gradients, a cut graph, inputs without scale, the target among
        the inputs.
    Why it matters: these are faults of a program that a curve shows late, or never.
    Not to be mistaken for: a watch over the training itself: the order of backward, clip and step, modes and schedules
        are the user's, and are seen by `ravine watch train.py` alone.
    """
    if running() is not None:
        return unsure("this program is watched already", "read what the watcher says")
    copy = subject.copy()
    copy = replace(copy, loss=_looked_up(copy.loss))
    size = min(subject.batch_size or BATCH, subject.rows.count)
    optimizer = adam(copy.model, RATE) if copy.optimizer is None else copy.optimizer
    watcher = Watcher(quiet=True, overhead=0.5)
    watcher.introduce(copy.model, optimizer)
    watcher.start()
    try:
        taken = 0
        for rows in batches(subject.rows, size, subject.seed):
            step(copy, rows, optimizer)
            taken += 1
            if taken == STEPS or time.monotonic() > subject.ends:
                break
    finally:
        watcher.stop()
    # Steps are of our own loop: they say nothing of when it began in the user's.
    told = [
        replace(one, first_step=None, details=_own(one.details))
        for one in diagnose(_placed(watcher.history)).findings
        if one.symptom in SYMPTOMS
    ]
    if told:
        said = "; ".join(one.evidence for one in told[:2])
        return Seen(state=State.FINDING, said=said, findings=tuple(told))
    if taken < FEWEST:
        return unsure(f"time was over after {taken} steps", "ravine watch train.py")
    return passed(f"{taken} steps, and nothing that model, loss or data are to blame for")


def _own(details: dict[str, Any]) -> dict[str, Any]:
    """Without the consequences in our own loop: those among the other probes' findings are told at the end."""
    return {name: value for name, value in details.items() if name != "explains"}


def _looked_up(loss: Loss) -> Loss:
    """A function of torch by its name, at each call: the watcher puts its own in that place, which is called then."""
    bare, given = (loss.func, (loss.args, loss.keywords)) if isinstance(loss, partial) else (loss, ((), {}))
    name = getattr(bare, "__name__", "")
    if bare is None or getattr(F, name, None) is not bare:
        return loss
    args, kwargs = given

    def called(*more: Any) -> Tensor:
        value: Tensor = getattr(F, name)(*args, *more, **kwargs)
        return value

    return called


def _placed(history: History) -> History:
    """Without places in files of our own: they are where the user's loss is called, not where it is written."""
    files = [Path(__file__), Path(__file__).parents[1] / "subject.py"]
    ours = tuple(f"{name}:" for file in files for name in (file.name, os.path.relpath(file)))
    rows = [
        {name: value for name, value in row.items() if not (name.endswith("place") and str(value).startswith(ours))}
        for row in history.rows
    ]
    return History(rows, source=history.source)


WATCHED_STEPS = Probe(
    name="watched-steps",
    look=watched_steps,
    symptoms=SYMPTOMS,
    needs=(FINITE, TRAINABLE),
    share=2.0,
    source=Source("Ravine", 2026, "the checks and instruments of `ravine watch`"),
)
