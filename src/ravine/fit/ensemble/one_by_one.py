"""Members with seeds of their own, each by a trainer of its own."""

from __future__ import annotations

import math
import shutil
import statistics
from collections.abc import Sequence

from ravine.fit.ensemble.kept import Kept, KeptMembers
from ravine.fit.ensemble.setting import Setting
from ravine.records.folder import RunFolder
from ravine.records.history import History
from ravine.records.metrics import MetricsWriter
from ravine.train.outcome import Outcome


def train_one_by_one(setting: Setting, reason: str) -> tuple[Outcome, list[Kept], str]:
    """Train each member that is not finished yet; one that was interrupted goes on from its own snapshot.

    Args:
        setting: The run.
        reason: Why they are not trained as one model.
    """
    job, recipe = setting.job, setting.recipe
    files = KeptMembers(setting.members_folder)
    done: list[Kept] = []
    minutes = recipe.train.minutes
    share = {} if minutes is None else {"minutes": minutes / setting.members.number}
    for seed in setting.seeds:
        name = f"seed {seed}"
        member = files.read(name)
        if member is None:
            network = setting.fresh(seed)
            folder = RunFolder(setting.members_folder / name.replace(" ", "-"))
            trainer = setting.trainer_of(network, run_dir=folder.path, resume=job.resumes, seed=seed, **share)
            outcome = job.follow(trainer, setting.rows(seed), setting.held)
            if outcome.interrupted:
                return outcome, done, ""
            member = Kept(
                name,
                outcome.best_epoch or outcome.epochs,
                outcome.best,
                network.body.state_dict(),
                outcome.steps,
                outcome.seconds,
                outcome.stopped_by,
            )
            files.write(member)
            shutil.rmtree(folder.checkpoints, ignore_errors=True)
        done.append(member)
        value = "" if member.value is None else f", best {member.value:.4g}"
        job.show.step("member", f"{len(done)} of {setting.members.number}, {name}: epoch {member.epoch}{value}")
    rows = setting.rows(recipe.seed)
    outcome = gathered(done, _mean_history(setting), setting.watch, len(rows), rows.rows)
    setting.trained(outcome)
    return outcome, done, f"one by one: {reason}"


def gathered(members: Sequence[Kept], history: History, watched: str, per_epoch: int, rows: int) -> Outcome:
    """How the training of several members ended, as of one: their middle epoch, their mean at their best."""
    known = [member.value for member in members if member.value is not None and math.isfinite(member.value)]
    steps, seconds = sum(member.steps for member in members), sum(member.seconds for member in members)
    reasons = dict.fromkeys(member.stopped_by for member in members)
    return Outcome(
        history=history,
        epochs=max(math.ceil(member.steps / per_epoch) for member in members),
        steps=steps,
        best_epoch=round(statistics.median(member.epoch for member in members)),
        best=statistics.fmean(known) if known else None,
        watched=watched,
        stopped_by="; ".join(reasons),
        seconds=seconds,
        samples_per_second=steps * rows / per_epoch / max(seconds, 1e-9),
    )


def _mean_history(setting: Setting) -> History:
    """The curves of the mean member, written as those of the run."""
    folders = [RunFolder(setting.members_folder / f"seed-{seed}") for seed in setting.seeds]
    histories = [History.of_run(folder.metrics) for folder in folders]
    by_epoch: dict[int, list[dict[str, float]]] = {}
    for history in histories:
        for row in history.of_kind("epoch"):
            by_epoch.setdefault(int(row["epoch"]), []).append(row)
    setting.folder.metrics.unlink(missing_ok=True)
    writer = MetricsWriter(setting.folder.metrics)
    for epoch in sorted(by_epoch):
        writer.write(mean_row(by_epoch[epoch]))
    writer.close()
    return History.of_run(setting.folder.metrics)


def mean_row(rows: Sequence[dict[str, float]]) -> dict[str, float | str]:
    """One epoch of the mean member, of those that still trained.

    >>> mean_row([{"epoch": 2, "step": 8, "val_loss": 0.5}, {"epoch": 2, "step": 8, "val_loss": 0.7}])
    {'kind': 'epoch', 'epoch': 2, 'step': 8, 'val_loss': 0.6}
    """
    first = rows[0]
    numbers = [
        name for name, value in first.items() if isinstance(value, int | float) and name not in ("epoch", "step")
    ]
    mean = {name: statistics.fmean(row[name] for row in rows if name in row) for name in numbers}
    return {"kind": "epoch", "epoch": first["epoch"], "step": first["step"], **mean}
