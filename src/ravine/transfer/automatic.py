"""Which plan: how much data, how similar, measured; then the beginnings of trainings, the cheap ones first."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import BadValue
from ravine.data.batches import TensorBatches
from ravine.data.task import Kind
from ravine.train.trainer import Trainer
from ravine.transfer.judged import Judged, standard_error
from ravine.transfer.kept import Kept, kept_of, rows_of
from ravine.transfer.plans import PlanName, Ready, ready, top_parts
from ravine.transfer.setting import Setting
from ravine.transfer.similarity import Compared, compared
from ravine.transfer.trials import SHARE, Begun, begin

FEW = 20
"""Rows a class below which a head alone is learned: a body learns little from so few, and they choose no plan."""

MANY = 100
"""Rows a class (a number to learn counts as one class) from which a body of one's own can be learned."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One plan tried, judged on the held rows.

    Attributes:
        plan: Its name.
        epochs: Of its training; 0 for a head that was solved.
        quality: Accuracy, or R².
        error: Standard error of the quality.
        loss: Mean loss.
        gain: Quality over the plan that was best before; None for the first.
        gain_error: Standard error of that paired difference.
        seconds: It took.
        words: How it ended.
    """

    plan: PlanName
    epochs: int
    quality: float
    error: float
    loss: float
    gain: float | None
    gain_error: float
    seconds: float
    words: str


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Choice:
    """The plan, and everything it rests on.

    Attributes:
        plan: The chosen one.
        reason: In words, with the numbers that decided.
        per_class: Training rows of the rarest class; all of them where numbers are learned.
        compared: What the features tell, of the pretrained body and of fresh weights.
        trials: What was tried, in that order.
        seconds: Altogether.
        lost: Of these, spent on what the chosen plan does not need.
        kept: Features that the plan goes on with.
        begun: The beginning of its training.
    """

    plan: PlanName
    reason: str
    per_class: int
    compared: Compared
    trials: tuple[Trial, ...]
    seconds: float
    lost: float
    kept: Kept = field(repr=False)
    begun: Begun | None = field(default=None, repr=False)

    @property
    def similar(self) -> bool:
        """Whether the pretrained features know more of these data than random ones do."""
        return self.compared.similar

    @property
    def words(self) -> str:
        """Chosen plan and reason, with the numbers."""
        amount = "much" if self.per_class >= MANY else "little"
        alike = "similar" if self.similar else "not similar"
        tried = ", ".join(f"{trial.plan} {trial.quality:.3f} (loss {trial.loss:.3f})" for trial in self.trials)
        return (
            f"{self.plan}: {self.reason}; {amount} data ({self.per_class} rows of the rarest class), {alike} "
            f"({self.compared}); on held rows: {tried}; {self.seconds:.1f} s"
        )

    def to_json(self) -> dict[str, Any]:
        """All of it but the tensors."""
        return {
            "plan": self.plan,
            "reason": self.reason,
            "per_class": self.per_class,
            "similar": self.similar,
            "compared": asdict(self.compared),
            "trials": [asdict(trial) for trial in self.trials],
            "seconds": self.seconds,
            "lost": self.lost,
        }

    def ready(self, setting: Setting, *, run_dir: Path | None = None, **changes: Any) -> Ready:
        """The trainer of the chosen plan, which goes on from its trial; see `ready` of the plans.

        Args:
            setting: As it was when it was chosen.
            run_dir: Folder for metrics and snapshots.
            changes: Choices of the trainer other than the setting's.
        """
        setting = replace(setting, kept=self.kept)
        if self.begun is None or self.begun.folder is None:
            return ready(setting, self.plan, run_dir=run_dir, **changes)
        trial = self.begun.folder
        if run_dir is None:
            run_dir = trial.path
        elif setting.machine.speaks:
            run_dir.mkdir(parents=True, exist_ok=True)
            for path in (trial.checkpoints, trial.metrics):
                shutil.move(path, run_dir / path.name)
            shutil.rmtree(trial.path, ignore_errors=True)
        setting.machine.barrier()
        made = ready(setting, self.plan, run_dir=run_dir, resume=True, **changes)
        plan = self.begun.machine_plan

        def tell(trainer: Trainer) -> None:  # as it was measured when the trial began
            trainer.plan = plan

        made.trainer.on("start", tell)
        return made


def choose_plan(setting: Setting, *, folder: Path | None = None) -> Choice:
    """Measure, try, and choose; `setting.network` is left as it was.

    The head alone is solved first. A dearer plan is taken when it beats the best cheaper one on the same held rows
    by more than a standard error of the difference, and it is not tried where it could not be chosen: where the head
    leaves nothing to gain, where rows are very few, where on little data training the last block does harm.
    Training from scratch is tried where data are many or not similar.

    Args:
        setting: What to start from.
        folder: For the trials; None takes a temporary one.

    Raises:
        BadValue: There are no held rows to choose by.
    """
    if setting.held is None:
        raise BadValue("transfer: plan = 'auto' needs validation rows. Name a plan, or set split.val.")
    choosing = _Choosing(setting, folder)
    try:
        return choosing.chosen()
    except BaseException:
        if choosing.ours:
            shutil.rmtree(choosing.folder, ignore_errors=True)
        raise


class _Choosing:
    """One choice while it is made."""

    def __init__(self, setting: Setting, folder: Path | None) -> None:
        self.setting = setting
        self.began = time.perf_counter()
        self.ours = folder is None
        if folder is None and setting.machine.speaks:
            folder = Path(tempfile.mkdtemp(prefix="ravine-trials-"))
        self.folder: Path = setting.machine.from_first(folder)
        self.trials: list[Trial] = []
        self.begun: list[Begun] = []

    def chosen(self) -> Choice:
        setting, held = self.setting, self.setting.held
        assert held is not None
        kept = kept_of(setting)
        assert kept.held is not None
        features, target = rows_of(kept.held)
        solved = time.perf_counter() - self.began
        told = compared(setting, kept)
        per_class = rows_per_class(setting)
        best = Begun("linear", Judged.of(kept.solved.outputs(features), target, setting.loss), 0, solved, "solved")
        self._note(best, None)
        setting = replace(setting, kept=kept)
        if not best.judged.leaves_room:
            reason = "the head leaves nothing to gain beyond noise"
        elif per_class < FEW:
            reason = f"{per_class} rows a class are too few to learn more than a head, or to tell plans apart"
        else:
            best, reason = self._raced(setting, best, per_class, told.similar)
        return self._told(best, reason, per_class, told, kept, solved)

    def _raced(self, setting: Setting, best: Begun, per_class: int, similar: bool) -> tuple[Begun, str]:
        parts, much = setting.parts, per_class >= MANY
        plans: list[PlanName] = ["fine-tune"]
        if top_parts(parts) < len(parts):  # else it is fine-tune
            plans.insert(0, "last-block")
        if much or not similar:
            plans.append("scratch")
        reason = "no dearer plan is better beyond noise"
        for place, plan in enumerate(plans):
            if plan == "fine-tune" and self.begun and not much and best.judged.clearly_better(self.begun[-1].judged):
                reason = "data are few, and training the last block does harm"
                continue
            found = begin(
                setting, plan, self.folder / plan, best.judged, minutes=self._minutes(others=len(plans) - place - 1)
            )
            self.begun.append(found)
            self._note(found, best)
            if found.folder is not None and (found.promises or found.judged.beats(best.judged)):
                reached = f"{found.judged.quality:.3f} (loss {found.judged.loss:.3g}) after {found.epochs} epochs"
                reason = f"{reached}, {best.plan} {best.judged.quality:.3f} (loss {best.judged.loss:.3g})"
                reason = f"{reason}; {found.words}" if found.promises else reason
                best = found
        return best, reason

    def _minutes(self, others: int) -> float | None:
        """What is left of the time for a plan, the trials of so many others counted in."""
        asked = self.setting.choices.get("minutes")
        if asked is None:
            return None
        left = float(asked) - (time.perf_counter() - self.began) / 60
        minutes: float = self.setting.machine.from_first(max(left * (1 - SHARE * others), 0.01))
        return minutes

    def _note(self, found: Begun, best: Begun | None) -> None:
        gains = None if best is None else found.judged.hits - best.judged.hits
        self.trials.append(
            Trial(
                found.plan,
                found.epochs,
                found.judged.quality,
                found.judged.error,
                found.judged.loss,
                None if gains is None else float(gains.mean()),
                0.0 if gains is None else standard_error(gains),
                found.seconds,
                found.words,
            )
        )

    def _told(self, best: Begun, reason: str, per_class: int, told: Compared, kept: Kept, solved: float) -> Choice:
        self.setting.machine.barrier()
        for other in self.begun if self.setting.machine.speaks else ():
            if other is not best:
                shutil.rmtree(self.folder / other.plan, ignore_errors=True)
        whole = time.perf_counter() - self.began
        used = best.seconds + (0.0 if best.plan == "linear" else solved)
        choice = Choice(
            best.plan,
            reason,
            per_class,
            told,
            tuple(self.trials),
            whole,
            whole - used,
            kept,
            best if best.folder is not None else None,
        )
        if self.ours:
            weakref.finalize(choice, shutil.rmtree, self.folder, ignore_errors=True)
        return choice


def rows_per_class(setting: Setting) -> int:
    """Training rows of the rarest class or label; all rows where numbers are learned."""
    target = _targets(setting.train)
    match setting.loss.kind:
        case Kind.CLASSIFY:
            return int(torch.bincount(target, minlength=setting.outputs).min())
        case Kind.MULTI_LABEL:
            return int(target.sum(0).min())
        case _:
            return len(target)


def _targets(batches: TensorBatches) -> Tensor:
    if batches.subset is None:
        return batches.target
    return batches.target[batches.subset.to(batches.target.device)]
