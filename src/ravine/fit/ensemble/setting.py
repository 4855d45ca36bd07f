"""What every member of an ensemble is trained with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import BadValue, refusal
from ravine.data.batches import TensorBatches
from ravine.fit.network import Network
from ravine.fit.words import average_words
from ravine.records.folder import RunFolder
from ravine.records.results import TrainSection
from ravine.train.decide import planned_steps
from ravine.train.members import Members
from ravine.train.outcome import Outcome
from ravine.train.recipe import Recipe
from ravine.train.trainer import Trainer

if TYPE_CHECKING:
    from ravine.fit.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The run that trains members, and how it would train a single network.

    Attributes:
        job: The run.
        fresh: Seed → a network with first weights of that seed.
        trainer_of: (network, what differs from the recipe) → its trainer.
        rows: Seed → the training rows in an order of that seed.
        held: The validation rows, if any.
        words: What regularizes, for people.
        watch: The number that decides what is best.
    """

    job: Job
    watch: str
    fresh: Callable[[int], Network]
    trainer_of: Callable[..., Trainer]
    rows: Callable[[int], TensorBatches]
    held: TensorBatches | None
    words: list[str]

    @property
    def recipe(self) -> Recipe:
        """Every choice of the run."""
        return self.job.recipe

    @property
    def members(self) -> Members:
        """What the ensemble is made of."""
        asked = self.recipe.ensemble.asked
        assert asked is not None
        return asked

    @property
    def folder(self) -> RunFolder:
        """Of the run."""
        return self.job.folder

    @property
    def members_folder(self) -> Path:
        """Where finished members lie, and what unfinished ones resume from."""
        return self.folder.path / "members"

    @property
    def seeds(self) -> list[int]:
        """One a member."""
        return [self.recipe.seed + number for number in range(self.members.number)]

    def steps(self) -> tuple[int, int]:
        """Optimizer steps of one training, and of one epoch."""
        per_epoch = len(self.rows(self.recipe.seed))
        epochs = self.recipe.train.epochs
        assert epochs != "auto"
        return planned_steps(epochs, per_epoch), per_epoch

    def check_length(self) -> None:
        """Refuse a training with fewer epochs than members are to be taken from it.

        Raises:
            BadValue: In these words.
        """
        total, per_epoch = self.steps()
        number, kind = self.members.number, self.members.kind
        if total < number * per_epoch:
            remedy = f"Ask for fewer {kind}, or --epochs {number}."
            raise BadValue(
                refusal("ensemble", f"epochs for {self.members}", f"be at least {number}", total / per_epoch, remedy)
            )

    def trained(self, outcome: Outcome) -> None:
        """Keep how members that were trained side by side did, as the training of the run."""
        train = self.recipe.train
        decay = f", weight decay {train.weight_decay:g}" if train.weight_decay != "auto" else ""
        words = [*self.words, *average_words(train.average)]
        if train.clip_norm != "none":
            words.append(f"gradient norm at most {train.clip_norm:g}")
        section = TrainSection(
            optimizer=f"{train.optimizer}, peak rate {train.lr}{decay}, batches of {train.batch_size}",
            schedule=f"{train.schedule}, {train.epochs} epochs; {self.members.number} members, the mean is shown",
            epochs=outcome.epochs,
            best_epoch=outcome.best_epoch,
            steps=outcome.steps,
            stopped_by=outcome.stopped_by,
            seconds=outcome.seconds,
            samples_per_second=outcome.samples_per_second,
            regularization=words,
            device=str(self.job.machine.device),
            metric=outcome.watched,
            best_value=outcome.best,
        )
        self.job.trained(section, outcome.history)
