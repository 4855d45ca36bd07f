"""A job that begins with a pretrained network, and ends in an ordinary run."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

from ravine.core.errors import BadValue
from ravine.core.files import write_json
from ravine.core.shapes import InputShape
from ravine.data.batches import TensorBatches
from ravine.data.prepare import Preparation, prepare
from ravine.data.raw import Raw
from ravine.data.task import Task
from ravine.fit.job import Job
from ravine.fit.resolve import training_choices
from ravine.fit.transfer.section import transfer_section
from ravine.fit.transfer.source import Source, source_of
from ravine.initialize import find_head
from ravine.models import Built
from ravine.train.losses import Loss
from ravine.train.outcome import Outcome
from ravine.train.recipe import Recipe, merged
from ravine.train.trainer import Trainer
from ravine.transfer.automatic import Choice, choose_plan
from ravine.transfer.freeze import unfreeze
from ravine.transfer.head import name_of_head
from ravine.transfer.plans import PLANS, ready
from ravine.transfer.setting import Setting
from ravine.transfer.sources import Opened

CHOICE = "transfer.json"
"""In the run folder: what plan = "auto" measured and tried."""

TRIALS = "trials"
"""In the run folder while it chooses: the beginnings of trainings."""


def job_for(recipe: Recipe) -> type[Job]:
    """The kind of job that `recipe` asks for."""
    return TransferJob if recipe.transfer.source else Job


class TransferJob(Job):
    """One run of `ravine transfer`; see `Job`."""

    def __init__(self, *, recipe: Recipe, own_model: Any = None, **rest: Any) -> None:
        if own_model is not None:
            raise BadValue("transfer: got a network and a source of pretrained weights. Give one of the two.")
        if recipe.ensemble.asked is not None:
            raise BadValue("transfer: ensembles of pretrained networks are not trained. Leave [ensemble] away.")
        self._source: Source = source_of(recipe)
        super().__init__(recipe=_ready_for_kept_features(self._source.recipe), **rest)
        self._opened: Opened | None = None

    def _prepared(self, raw: Raw, rows: Any, task: Task) -> Preparation:
        """As the source was prepared, where that fits: a body sees what it has learned to see."""
        own = prepare(raw.inputs, rows)
        self._opened = self._source.opened(self.recipe, own.shape, task.outputs, rows=len(rows))
        return self._source.prepared(own, self._opened)

    def _built(self, name: str, shape: InputShape, outputs: int, **choices: Any) -> Built:  # noqa: ARG002 (as in Job)
        """The pretrained network, opened already."""
        assert self._opened is not None
        return self._opened.built

    def train(self, trainer: Trainer, train: Any, validate: Any, regularization: list[str]) -> Outcome:
        """Choose the plan where it is left open, then train by it.

        Raises:
            BadValue: The rows are in loaders, which no plan can look ahead in.
        """
        if not isinstance(train, TensorBatches):
            raise BadValue("transfer: needs rows, and got torch data sets or loaders. Give a file, a folder or arrays.")
        setting = self._setting(trainer, train, validate)
        assert self._opened is not None
        words, choice = [f"pretrained: {self._opened.words}"], None
        folder, minutes = self.folder.path, self.recipe.train.minutes
        if self.recipe.transfer.plan == "auto":
            choice = self._chosen(setting)
            words.append(f"plan {choice.words}")
        plan = self.recipe.transfer.plan
        assert plan in PLANS
        lost = choice.lost if choice is not None else 0.0
        left = {} if minutes is None else {"minutes": max(minutes - lost / 60, 0.01)}
        if choice is not None:
            made = choice.ready(setting, run_dir=folder, **left)
            if self.machine.speaks:
                shutil.rmtree(folder / TRIALS, ignore_errors=True)
        else:
            made = ready(setting, plan, run_dir=folder, resume=self.resumes, **left)
        words += [f"plan {plan}", *made.words]
        section = transfer_section(setting, plan, self._opened.words, choice)
        if choice is None and self.resumes and self.results.transfer is not None:
            section = self.results.transfer  # what was measured before the interruption
        self.keep("transfer", "; ".join(words), transfer=section)
        try:
            return super().train(made.trainer, made.train, made.held, [*regularization, *words])
        finally:
            unfreeze(setting.parts, training=False)

    def _chosen(self, setting: Setting) -> Choice:
        """The plan measured and tried; from here on the recipe names it."""
        self.show.step("transfer", "measures features, and begins plans to see how they do")
        trials = self.folder.path / TRIALS
        if self.machine.speaks:
            shutil.rmtree(trials, ignore_errors=True)  # of a run that was stopped while it chose
        self.machine.barrier()
        choice = choose_plan(setting, folder=trials)
        self.settle(Recipe.of(merged(self.recipe.model_dump(), {"transfer": {"plan": choice.plan}})))
        if self.machine.speaks:
            write_json(self.folder.path / CHOICE, choice.to_json())
        return choice

    def _setting(self, trainer: Trainer, train: TensorBatches, held: TensorBatches | None) -> Setting:
        choices = self.recipe.transfer
        assert self._opened is not None
        head = find_head(self._opened.module)
        assert head is not None
        assert isinstance(trainer.validation_loss, Loss)
        return Setting(
            network=trainer.model,
            head_name=f"body.{name_of_head(self._opened.module)}",
            outputs=head.out_features,
            loss=trainer.validation_loss,
            training_loss=trainer.loss,
            train=train,
            held=held,
            machine=self.machine,
            metrics=trainer.metrics,
            watch=trainer.watch,
            transform=trainer.transform,
            chosen=dataclasses.replace(trainer.chosen, batch=()),
            choices=training_choices(self.recipe),
            seed=self.recipe.seed,
            views=choices.views,
            body_lr=choices.body_lr,
            layer_decay=None if choices.layer_decay == "none" else choices.layer_decay,
            l2_sp=choices.l2_sp,
            unfreeze=choices.unfreeze,
            holds=choices.statistics == "held",
        )


def _ready_for_kept_features(recipe: Recipe) -> Recipe:
    """Rows are not mixed unless asked for: a mixed row has no features that could be kept."""
    mixup = 0.0 if recipe.train.mixup == "auto" else recipe.train.mixup
    return Recipe.of(merged(recipe.model_dump(), {"train": {"mixup": mixup}}))
