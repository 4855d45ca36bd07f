"""Members with seeds of their own, trained as one stacked model."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import RavineError
from ravine.core.time import Clockwork
from ravine.fit.ensemble.kept import Kept, KeptMembers
from ravine.fit.ensemble.one_by_one import gathered
from ravine.fit.ensemble.setting import Setting
from ravine.optim import OPTIMIZERS
from ravine.population import Population
from ravine.population.engine import gains_together
from ravine.records.history import History
from ravine.records.metrics import MetricsWriter
from ravine.records.results import PlanSection
from ravine.schedules import Guided, build
from ravine.train.checkpoint import read_snapshot, write_snapshot
from ravine.train.guarded import make_deterministic, settings_put_back
from ravine.train.interrupt import Interrupt
from ravine.train.metrics import HIGHER_IS_BETTER
from ravine.train.outcome import Outcome
from ravine.train.recipe import Recipe, TrainChoices
from ravine.train.safekeeping import SHARE, SHORTEST_WAIT
from ravine.train.stopping import BestKeeper, standard_error

STATE = "stacked.safetensors"

KNOWN = frozenset(
    (
        "optimizer",
        "lr",
        "momentum",
        "nesterov",
        "weight_decay",
        "schedule",
        "warmup",
        "epochs",
        "batch_size",
        "clip_norm",
        "label_smoothing",
        "augment",
        "mixup",
        "average",
        "patience",
        "order",
    )
)
"""Choices of [train] that a stacked model follows; any other that is made sends members to trainers of their own."""

LINE_SECONDS = 2.0  # epochs shorter than this share a line


class Watching:
    """Judges the epochs of one member as a trainer would."""

    def __init__(self, watch: str, rows: int, patience: int | None) -> None:
        higher = HIGHER_IS_BETTER[watch.partition("_")[2]]
        self._watch, self._rows = watch, rows
        self._keeper = BestKeeper(higher_is_better=higher, patience=patience)
        self.best: float | None = None
        self.best_epoch = 0

    def look(self, row: Mapping[str, float], epoch: int) -> bool:
        """See `ravine.population.Keeper`."""
        value = row[self._watch]
        noise = standard_error(self._watch, value, self._rows)
        kept = self._keeper.look(value, epoch, row.get("val_loss"), noise)
        self.best, self.best_epoch = self._keeper.best, self._keeper.best_epoch
        return kept

    @property
    def spent(self) -> bool:
        """See `ravine.population.Keeper`."""
        return self._keeper.spent

    def state_dict(self) -> dict[str, Any]:
        """See `ravine.population.Keeper`."""
        return self._keeper.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `ravine.population.Keeper`."""
        self._keeper.load_state_dict(state)
        self.best, self.best_epoch = self._keeper.best, self._keeper.best_epoch


def as_one_model(setting: Setting) -> tuple[Population | None, str]:
    """The members as a population; None, and why, where they are to be trained one by one."""
    recipe = setting.recipe
    why_not = _told_otherwise(recipe)
    if why_not:
        return None, why_not
    first = setting.fresh(recipe.seed)
    if not gains_together(first, setting.job.machine.device):
        return None, "a processor does convolutions of several members no faster at once"
    total, per_epoch = setting.steps()
    rows = setting.rows(recipe.seed)
    clockwork = Clockwork(total_steps=total, steps_per_epoch=per_epoch, batch_size=rows.rows / per_epoch)
    schedule = build(recipe.train.schedule, clockwork, warmup=recipe.train.warmup)
    if isinstance(schedule, Guided) or schedule.cycles_momentum:
        return None, f"the schedule {recipe.train.schedule} moves more than a common rate"
    try:
        population = _population(setting, schedule)
    except RavineError as error:
        return None, str(error)
    why_not = population.one_by_one_because(rows)
    return (None, why_not) if why_not else (population, "")


def train_stacked(setting: Setting, population: Population) -> tuple[Outcome, list[Kept], str]:
    """Train all members at once; resumed, from the last step that was kept."""
    job = setting.job
    files, path = KeptMembers(setting.members_folder), setting.members_folder / STATE
    job.planned(PlanSection(mode=setting.recipe.machine.plan, choice="one stacked model", reason=_reason(setting)))
    found = [files.read(f"seed {seed}") for seed in setting.seeds] if job.resumes and not path.exists() else []
    done = [member for member in found if member is not None]
    if len(done) < len(setting.seeds):
        done = _trained(setting, population, path)
    whole = gathered(
        done,
        History.of_run(setting.folder.metrics),
        setting.watch,
        setting.steps()[1],
        setting.rows(setting.recipe.seed).rows,
    )
    if population.interrupted:
        return replace(whole, interrupted=True, stopped_by="Ctrl-C"), [], ""
    for member in done:
        files.write(member)
    path.unlink(missing_ok=True)
    setting.trained(whole)
    return whole, done, "as one stacked model"


def _trained(setting: Setting, population: Population, path: Path) -> list[Kept]:
    """The members as they are when the training ends, or is interrupted."""
    setting.members_folder.mkdir(parents=True, exist_ok=True)
    watcher = _Watcher(setting, population)
    if setting.job.resumes and path.exists():
        watcher.restore(read_snapshot(path))
    elif setting.job.resumes:
        setting.folder.metrics.unlink(missing_ok=True)
    with settings_put_back(), watcher:
        threads = setting.recipe.machine.threads
        if threads != "auto":
            torch.set_num_threads(threads)
        if setting.recipe.machine.plan == "safe":
            make_deterministic()
        outcomes = population.fit(setting.rows(setting.recipe.seed), setting.held, look=watcher.look)
    total, per_epoch = setting.steps()
    return [
        Kept(
            name=f"seed {seed}",
            epoch=outcome.best_epoch or outcome.epochs,
            value=outcome.best,
            weights=_body(population.weights(outcome.member)),
            steps=min(outcome.epochs * per_epoch, total),
            seconds=watcher.seconds() / len(outcomes),
            stopped_by=outcome.stopped_by,
        )
        for seed, outcome in zip(setting.seeds, outcomes, strict=True)
    ]


def _body(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the network behind the normalizer, on the processor."""
    return {name.removeprefix("body."): value.cpu() for name, value in weights.items() if name.startswith("body.")}


class _Watcher:
    """Looks after a stacked training: its curves, what it resumes from, Ctrl-C."""

    def __init__(self, setting: Setting, population: Population) -> None:
        self._setting, self._population = setting, population
        self._before = 0.0
        self._cost = 0.0
        self._told = 0  # epochs written so far
        self._interrupt = Interrupt()
        self._began = self._kept = self._said = time.perf_counter()

    def __enter__(self) -> _Watcher:
        self._writer = MetricsWriter(self._setting.folder.metrics)
        self._interrupt.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._interrupt.__exit__(None, None, None)
        self._writer.close()

    def seconds(self) -> float:
        """Of training so far, earlier parts of a resumed run included."""
        return self._before + time.perf_counter() - self._began

    def restore(self, state: dict[str, Any]) -> None:
        """Put the population where it was."""
        self._population.load_state_dict(state["population"])
        self._before, self._told = state["seconds"], len(self._population.rows_seen)
        with contextlib.closing(MetricsWriter(self._setting.folder.metrics)) as writer:
            writer.write({"kind": "resume", "step": self._population.step})

    def look(self, population: Population) -> bool:
        """Called by the population; True stops it."""
        for row in population.rows_seen[self._told :]:
            self._writer.write({"kind": "epoch", **self._mean(row)})
        self._told = len(population.rows_seen)
        asked = self._interrupt.asked is not None
        now = time.perf_counter()
        wait = min(max(SHARE * self._cost, SHORTEST_WAIT), self._setting.recipe.keep.checkpoint_seconds)
        if asked or now - self._kept >= wait:
            state = {"population": population.state_dict(), "seconds": self.seconds()}
            write_snapshot(self._setting.members_folder / STATE, state)
            self._kept = time.perf_counter()
            self._cost = self._kept - now
        if population.rows_seen and (now - self._said >= LINE_SECONDS or asked):
            self._said = now
            self._say(population)
        return asked

    def _mean(self, row: dict[str, Any]) -> dict[str, Any]:
        seconds = self.seconds()
        numbers = {name: _mean_of(values) for name, values in row.items() if isinstance(values, list)}
        done = row["step"] * self._setting.rows(self._setting.recipe.seed).batch_size * len(self._setting.seeds)
        return {**row, **numbers, "seconds": seconds, "samples_per_second": done / max(seconds, 1e-9)}

    def _say(self, population: Population) -> None:
        row = population.rows_seen[-1]
        numbers = "  ".join(
            f"{name.replace('_', ' ')} {_mean_of(values):.4g}"
            for name, values in row.items()
            if isinstance(values, list)
        )
        epochs = math.ceil(population.total_steps / population.steps_per_epoch)
        still = f"{len(population.live)} of {population.num_members} members train"
        self._setting.job.show.step("epoch", f"{row['epoch']}/{epochs}, {still}; mean {numbers}")


def _population(setting: Setting, schedule: Any) -> Population:
    train, job = setting.recipe.train, setting.job
    like = setting.trainer_of(setting.fresh(setting.recipe.seed))
    assert train.lr != "auto"
    assert train.weight_decay != "auto"
    assert not isinstance(train.average, str)
    assert train.epochs != "auto"
    known = OPTIMIZERS[train.optimizer].defaults_by_name()
    more: dict[str, Any] = {}
    if "momentum" in known and train.momentum:
        more["momentum"] = train.momentum
        more["nesterov"] = train.nesterov
    patience = train.patience if isinstance(train.patience, int) and setting.held is not None else None
    rows = setting.rows(setting.recipe.seed)
    watched_rows = setting.held.rows if setting.held is not None else rows.rows
    return Population(
        [setting.fresh(seed) for seed in setting.seeds],
        like.loss,
        seeds=setting.seeds,
        optimizer=train.optimizer,
        lr=train.lr,
        weight_decay=train.weight_decay,
        schedule=schedule,
        epochs=train.epochs,
        clip_norm=None if train.clip_norm == "none" else train.clip_norm,
        average=train.average,
        transform=like.transform,
        metrics=like.metrics,
        validation_loss=like.validation_loss,
        keeper=lambda: Watching(setting.watch, watched_rows, patience),
        together=True,
        device=job.machine.device,
        seed=setting.recipe.seed,
        **more,
    )


def _told_otherwise(recipe: Recipe) -> str:
    """What in the recipe asks for trainers; "" when nothing does."""
    if recipe.ensemble.stacked == "never":
        return "as asked"
    if isinstance(recipe.train.average, str):
        return f"train.average = {recipe.train.average!r} works on single networks"
    if any(value is not None and value is not False for value in recipe.regularize.values()):
        return "[regularize] works on single networks"
    for name, field in TrainChoices.model_fields.items():
        if name not in KNOWN and getattr(recipe.train, name) != field.default:
            return f"train.{name} works on single networks"
    if "tensorboard" in recipe.keep.log:
        return "TensorBoard's events are those of single networks"
    return ""


def _reason(setting: Setting) -> str:
    return f"{setting.members.number} members of one architecture at once, each with its own weights and rows"


def _mean_of(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
