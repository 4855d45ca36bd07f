"""Which runs there are, and how one of them is made and kept."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.faults.tasks import Job

Rows = list[dict[str, Any]]

SEEDS = 4
SEEDS_DEVELOPMENT = 3
MOST_DEVELOPMENT, MOST_SCORING = 2, 2  # tasks of one injection, in the full set


@dataclass(frozen=True)
class Run:
    """One training of the benchmark.

    Attributes:
        task: Its task.
        optimizer: "sgd" or "adam".
        seed: Of everything.
        name: The control's or the injection's.
        level: The injection's strength, as a place in its list; −1 for a control.
    """

    task: str
    optimizer: str
    seed: int
    name: str
    level: int = -1

    @property
    def key(self) -> str:
        """Its name in file names."""
        words = "".join(letter if letter.isalnum() else "-" for letter in self.name)
        return f"{self.task}.{self.optimizer}.{words}.{self.level}.{self.seed}"

    def file(self, folder: Path) -> Path:
        """Where it is kept."""
        return folder / f"{self.key}.json.gz"

    @property
    def is_control(self) -> bool:
        """Whether nothing is planted."""
        return self.level < 0


@dataclass(frozen=True)
class Kept:
    """A run that was done: what it was, what it scored, and what was seen of it."""

    run: Run
    score: float
    steps: int
    failed: str
    rows: list[dict[str, Any]]


def full() -> Iterator[Run]:
    """Every run: first those that are scored, then those of development; of each, first the healthy ones.

    In scoring, a fault is planted with one optimizer in each task, the other one in the next; the faults that took no
    part in development are planted wherever they fit.
    """
    yield from _scoring()
    yield from _runs(range(SEEDS_DEVELOPMENT), MOST_DEVELOPMENT, None, None)


def ten_minutes() -> Iterator[Run]:
    """A part that ten minutes are enough for: three tasks, one optimizer, three seeds, and strong faults alone."""
    yield from _runs(range(3), 1, ("digits-mlp", "cancer-mlp", "digits-conv"), ("sgd",))


def tiny() -> Iterator[Run]:
    """A few runs that show whether everything works."""
    names = ("clean", "cosine", "augmentation", "small validation set", "no zero_grad", "rate too high", "rate too low",
             "wrong sign", "inputs times 255", "evaluation mode never left", "layers not in the optimizer")  # fmt: skip
    for run in ten_minutes():
        if run.name in names and run.task != "digits-conv":
            yield run


def once() -> Iterator[Run]:
    """Every pattern and every fault at its strongest, once: shows what breaks; too few for the gate."""
    tasks = ("digits-mlp", "diabetes-mlp", "cancer-mlp", "digits-gru", "text-transformer")
    yield from _runs(range(1), 1, tasks, ("sgd",))


SUBSETS = {"full": full, "ten-minutes": ten_minutes, "once": once, "tiny": tiny}


def _scoring() -> Iterator[Run]:
    from benchmarks.faults.controls import CONTROLS
    from benchmarks.faults.injections import FRESH, INJECTIONS

    for control in CONTROLS.values():
        for task in FRESH:
            if task in control.tasks:
                for optimizer in control.optimizers:
                    yield from (Run(task, optimizer, seed, control.name) for seed in range(SEEDS))
    for place, injection in enumerate(INJECTIONS.values()):
        there = turned([task for task in FRESH if task in injection.tasks], place)
        for number, task in enumerate(there if injection.fresh else there[:MOST_SCORING]):
            optimizer = turned(list(injection.optimizers), place + number)[0]
            for level in range(len(injection.levels)):
                yield from (Run(task, optimizer, seed, injection.name, level) for seed in range(SEEDS))


def _runs(seeds: range, most: int, only: tuple[str, ...] | None, optimizers: tuple[str, ...] | None) -> Iterator[Run]:
    from benchmarks.faults.controls import CONTROLS
    from benchmarks.faults.injections import FRESH, INJECTIONS
    from benchmarks.faults.tasks import OPTIMIZERS, TASKS

    tasks = list(only or mixed([task for task in TASKS if task not in FRESH]))
    for control in CONTROLS.values():
        there = [task for task in tasks if task in control.tasks]
        for task in there if control.name == "clean" or only is None else there[:1]:
            for optimizer in optimizers or OPTIMIZERS:
                for seed in seeds if optimizer in control.optimizers else ():
                    yield Run(task, optimizer, seed, control.name)
    for place, injection in enumerate(INJECTIONS.values()):
        there = [task for task in tasks if task in injection.tasks]
        levels = range(len(injection.levels)) if only is None else [len(injection.levels) - 1]
        for task in turned(there, place)[:most]:
            for optimizer in optimizers or injection.optimizers:
                for level in levels:
                    for seed in seeds:
                        yield Run(task, optimizer, seed, injection.name, level)


def mixed(tasks: list[str]) -> list[str]:
    """The first half and the second in turn, so that neighbours differ most.

    >>> mixed(["a", "b", "c", "d"])
    ['a', 'c', 'b', 'd']
    """
    half = len(tasks) // 2
    return [task for pair in zip(tasks[:half], tasks[half:], strict=True) for task in pair]


def turned(tasks: list[str], place: int) -> list[str]:
    """Another order for each injection, so that no task is always the one left out.

    >>> turned(["a", "b", "c"], 4)
    ['b', 'c', 'a']
    """
    start = place % len(tasks) if tasks else 0
    return tasks[start:] + tasks[:start]


def do(run: Run, folder: Path) -> None:
    """Train, and keep what was seen; nothing is done where that is there."""
    if not run.file(folder).exists():
        train_and_keep(run, *planted(run), folder=folder)


def planted(run: Run) -> tuple[Job, Callable[[Rows], Rows] | None]:
    """The job of a run, with its pattern or its fault, and what is done to its record."""
    from benchmarks.faults.controls import CONTROLS
    from benchmarks.faults.injections import INJECTIONS
    from benchmarks.faults.tasks import TASKS

    job = TASKS[run.task].job(run.optimizer, run.seed)
    if run.is_control:
        control = CONTROLS[run.name]
        control.shape(job)
        return job, control.rewrite
    injection = INJECTIONS[run.name]
    injection.plant(job, injection.levels[run.level])
    return job, None


def train_and_keep(run: Run, job: Job, rewrite: Callable[[Rows], Rows] | None = None, *, folder: Path) -> None:
    """Train a job, and write what was seen of it as the record of a run."""
    import torch
    from benchmarks.faults.tasks import train

    torch.set_num_threads(1)
    outcome = train(job)
    rows = rewrite(outcome.rows) if rewrite is not None else outcome.rows
    score = outcome.score if math.isfinite(outcome.score) else None
    kept = {"run": asdict(run), "score": score, "steps": outcome.steps, "failed": outcome.failed, "rows": rows}
    path = run.file(folder)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(gzip.compress(json.dumps(kept, default=float).encode(), 4))
    part.replace(path)


def read(run: Run, folder: Path) -> Kept | None:
    """A run that was done; None where it was not."""
    path = run.file(folder)
    if not path.exists():
        return None
    kept = json.loads(gzip.decompress(path.read_bytes()))
    score = math.nan if kept["score"] is None else kept["score"]
    return Kept(run, score, kept["steps"], kept["failed"], kept["rows"])
