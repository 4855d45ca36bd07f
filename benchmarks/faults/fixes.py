"""Which other names are right as well, tried out: the advice of a name is applied to a job with another fault.

A name is verified for a fault where its advice brings the score back: the gate no longer calls it a fault, and at most
a fifth of what the fault took is still lost. Tried on development tasks alone, at the strongest of each fault.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.faults.gate import judge
from benchmarks.faults.plan import SEEDS, Run, do, full, planted, read, train_and_keep
from benchmarks.faults.tasks import TASKS, Job, worst

FILE = Path(__file__).parent / "fixes.json"
STILL_LOST = 0.2  # of what the fault took
SHARE = 0.8  # of the places where the fault is one, in which the advice must help
FEWEST = 2  # such places


def _rate_times(factor: float) -> Callable[[Job], None]:
    def fix(job: Job) -> None:
        job.lr *= factor

    return fix


def _set(**fields: object) -> Callable[[Job], None]:
    def fix(job: Job) -> None:
        for name, value in fields.items():
            setattr(job, name, value)

    return fix


def _longer(job: Job) -> None:
    job.epochs *= 4


def _larger_batches(job: Job) -> None:
    """Over as many rows."""
    job.batch_size *= 8


def _usual_weights(job: Job) -> None:
    job.prepare = []


def _standardized(job: Job) -> None:
    train = job.parts.train.x
    mean, spread = train.mean(0), train.std(0) + 1e-3
    for part in (job.parts.train, job.parts.val, job.parts.test):
        part.x = (part.x - mean) / spread


def _standardized_targets(job: Job) -> None:
    mean, spread = job.parts.train.y.mean(), job.parts.train.y.std()
    for part in (job.parts.train, job.parts.val, job.parts.test):
        part.y = (part.y - mean) / spread


FIXES: dict[str, Callable[[Job], None]] = {
    "diverges": _rate_times(0.1),
    "bounces": _rate_times(0.2),
    "crawls": _rate_times(10.0),
    "starts-too-hot": _set(schedule=lambda t: min(1.0, t / 0.1)),
    "decays-too-early": _set(schedule=None),
    "decays-too-late": _set(schedule=lambda t: max(0.02, 1 - t)),
    "needs-clipping": _set(clip=1.0),
    "clips-too-tight": _set(clip=None),
    "stops-too-early": _longer,
    "over-regularizes": _set(weight_decay=0.0),
    "augments-too-hard": _set(augment=None),
    "batch-too-small": _larger_batches,
    "starts-too-large": _usual_weights,
    "starts-too-small": _usual_weights,
    "starts-off": _usual_weights,
    "is-unscaled": _standardized,
    "has-unscaled-targets": _standardized_targets,
}  # what cannot be done by changing the job has no entry


@dataclass(frozen=True)
class Trial:
    """One fault in one place, and the name whose advice is tried there."""

    faulty: Run  # with seed 0
    truth: str
    named: str

    def runs(self) -> list[tuple[Run, Run, Run]]:
        """Clean, faulty and fixed, by seed."""
        return [
            (
                replace(self.faulty, name="clean", level=-1, seed=seed),
                replace(self.faulty, seed=seed),
                replace(self.faulty, name=f"{self.faulty.name}, fixed as {self.named}", seed=seed),
            )
            for seed in range(SEEDS)
        ]


def trials(pairs: Iterable[tuple[str, str]]) -> list[Trial]:
    """Where each pair of a planted and another name can be tried."""
    from benchmarks.faults.evaluate import SPLIT
    from benchmarks.faults.injections import INJECTIONS

    asked = set(pairs)
    return [
        Trial(run, truth, named)
        for run in full()
        if not run.is_control and not run.seed and run.task in SPLIT["development"]["tasks"]
        for injection in (INJECTIONS[run.name],)
        if run.level == len(injection.levels) - 1
        for truth, named in sorted(asked)
        if truth == injection.symptom and named in FIXES and _applies(named, run)
    ]


def _applies(named: str, run: Run) -> bool:
    """Whether the inputs or targets of a task are numbers that can be standardized."""
    kind = TASKS[run.task].kind
    return {"is-unscaled": kind != "text", "has-unscaled-targets": kind == "regression"}.get(named, True)


def attempt(trial: Trial, folder: Path) -> bool | None:
    """Whether the advice helps; None where the fault is none there. What was run before is not run again."""
    scores: list[tuple[float, float, float]] = []
    for clean, faulty, fixed in trial.runs():
        do(clean, folder)
        do(faulty, folder)
        if not fixed.file(folder).exists():
            job, _ = planted(faulty)
            FIXES[trial.named](job)
            train_and_keep(fixed, job, folder=folder)
        kept = [read(run, folder) for run in (clean, faulty, fixed)]
        scores.append(tuple(one.score if one is not None else float("nan") for one in kept))  # type: ignore[arg-type]
    return helps(scores, worst(TASKS[trial.faulty.task].kind))


def helps(scores: Iterable[tuple[float, float, float]], lowest: float) -> bool | None:
    """Whether a fix brings back what a fault took, by scores that are clean, faulty and fixed.

    >>> helps([(0.90, 0.5, 0.9), (0.91, 0.5, 0.9), (0.92, 0.4, 0.93)], 0.0)
    True
    >>> helps([(0.90, 0.5, 0.7), (0.91, 0.5, 0.7), (0.92, 0.4, 0.7)], 0.0)
    False
    >>> helps([(0.90, 0.9, 0.9), (0.91, 0.91, 0.9), (0.92, 0.92, 0.93)], 0.0) is None
    True
    """
    clean, faulty, fixed = zip(*scores, strict=True)
    before, after = judge(clean, faulty, lowest), judge(clean, fixed, lowest)
    if not before.passes:
        return None
    return not after.passes and after.loss <= STILL_LOST * before.loss


def verify(pairs: Iterable[tuple[str, str]], folder: Path, jobs: int) -> dict[str, Any]:
    """Try every pair wherever it can be, and write what is verified."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder.mkdir(parents=True, exist_ok=True)
    asked = trials(pairs)
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=20) as pool:
        for trial, helped in zip(asked, pool.map(attempt, asked, [folder] * len(asked)), strict=True):
            print(f"{trial.faulty.key}, fixed as {trial.named}: {helped}", flush=True)
            if helped is not None:
                found[trial.truth, trial.named].append(helped)
    written: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    for (truth, named), helped in sorted(found.items()):
        right = len(helped) >= FEWEST and sum(helped) >= SHARE * len(helped)
        written.setdefault(truth, {})[named] = {"helped": sum(helped), "of": len(helped), "verified": right}
    FILE.write_text(json.dumps(written, indent=2) + "\n")
    return written
