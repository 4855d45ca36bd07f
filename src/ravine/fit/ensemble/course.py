"""Members out of one training: the ends of its cycles, or some of its epochs."""

from __future__ import annotations

import math

from ravine.core.errors import BadValue, refusal
from ravine.fit.ensemble.kept import Kept, KeptMembers
from ravine.fit.ensemble.setting import Setting
from ravine.train.metrics import HIGHER_IS_BETTER
from ravine.train.outcome import Outcome
from ravine.train.recipe import Recipe, merged
from ravine.train.trainer import Trainer


def train_snapshots(setting: Setting) -> tuple[Outcome, list[Kept], str]:
    """One training with as many cosine cycles as members; each cycle's end, where the rate is lowest, is one.

        rate(t) = peak·(1 + cos(π·(t mod T/M)/(T/M)))/2, T steps, M members

    Patience, the moving average and the warmup are off: they would end or blur the cycles.

    Raises:
        BadValue: Fewer epochs than members; a length in minutes; a schedule of one's own.

    Source: Huang et al. 2017, "Snapshot Ensembles: Train 1, Get M for Free", equation 2.
    """
    job, train = setting.job, setting.recipe.train
    setting.check_length()
    if train.minutes is not None:
        raise BadValue("ensemble: the cycles of snapshots need a length in epochs. Give --epochs instead of --minutes.")
    number = setting.members.number
    total, per_epoch = setting.steps()
    ends = {math.ceil(total * place / number): place for place in range(1, number + 1)}
    schedule = f"cosine-restarts(first={total / number:.17g})"
    if train.schedule not in ("cosine", schedule):
        raise BadValue(
            refusal("ensemble", "schedule with snapshots", "be left at cosine, which is restarted", train.schedule)
        )
    cycles = {"schedule": schedule, "warmup": "0 steps", "patience": "none", "average": 0.0}
    job.settle(Recipe.of(merged(setting.recipe.model_dump(), {"train": cycles})))
    files = KeptMembers(setting.members_folder)

    def keep(trainer: Trainer) -> None:
        if trainer.step in ends:
            body = trainer.model.body.state_dict()  # type: ignore[union-attr]
            files.write(
                Kept(f"cycle {ends[trainer.step]}", math.ceil(trainer.step / per_epoch), None, body, trainer.step)
            )

    trainer = setting.trainer_of(setting.fresh(setting.recipe.seed), **cycles).on("step", keep)
    outcome = job.train(trainer, setting.rows(setting.recipe.seed), setting.held, setting.words)
    if outcome.interrupted:
        return outcome, [], ""
    found = [files.read(f"cycle {place}") for place in range(1, number + 1)]
    return outcome, [member for member in found if member is not None], f"ends of {number} cycles of one training"


def train_checkpoints(setting: Setting) -> tuple[Outcome, list[Kept], str]:
    """One training as it would be anyway; its best epochs, or its last, are the members.

    Raises:
        BadValue: Fewer epochs than members.
    """
    job, number = setting.job, setting.members.number
    setting.check_length()
    which = setting.recipe.ensemble.which
    files = KeptMembers(setting.members_folder)
    higher = HIGHER_IS_BETTER.get(setting.watch.partition("_")[2], False)
    known: dict[str, tuple[float, int]] = {}  # name → rank, the higher the better
    for name in files.names() if job.resumes else []:
        member = files.read(name)
        if member is not None:
            known[name] = _rank(member, higher, which)

    def keep(trainer: Trainer) -> None:
        row = trainer.rows[-1]
        member = Kept(
            f"epoch {row['epoch']}",
            row["epoch"],
            row.get(setting.watch),
            trainer.evaluated_model.body.state_dict(),  # type: ignore[union-attr]
            trainer.step,
        )
        known[member.name] = _rank(member, higher, which)
        staying = sorted(known, key=lambda name: known[name])[-number:]
        if member.name in staying:
            files.write(member)
        for name in [name for name in known if name not in staying]:
            del known[name]
            files.forget(name)

    trainer = setting.trainer_of(setting.fresh(setting.recipe.seed)).on("epoch_end", keep)
    outcome = job.train(trainer, setting.rows(setting.recipe.seed), setting.held, setting.words)
    if outcome.interrupted:
        return outcome, [], ""
    found = [files.read(name) for name in sorted(known, key=lambda name: int(name.split()[1]))]
    return outcome, [member for member in found if member is not None], f"the {which} epochs of one training"


def _rank(member: Kept, higher_is_better: bool, which: str) -> tuple[float, int]:
    if which == "last" or member.value is None or math.isnan(member.value):
        return (0.0 if which == "last" else -math.inf, member.epoch)
    return (member.value if higher_is_better else -member.value, member.epoch)
