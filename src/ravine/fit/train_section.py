"""How a training went, as its section of the record."""

from __future__ import annotations

from ravine.fit.words import average_words
from ravine.records.results import TrainSection
from ravine.train.outcome import Outcome
from ravine.train.scaled_lr import BASE
from ravine.train.trainer import Trainer


def train_section(trainer: Trainer, outcome: Outcome, regularization: list[str], device: str) -> TrainSection:
    """The section of a training that has ended.

    Args:
        trainer: That did it.
        outcome: How it ended.
        regularization: What was done beside what the trainer knows of.
        device: Where.
    """
    choices = trainer.choices
    decay = f", weight decay {choices.weight_decay:g}" if choices.weight_decay != "auto" else ""
    scaled = f" ({choices.lr:g} for {BASE} rows, scaled: {choices.scale_lr})" if choices.scale_lr != "none" else ""
    words = [*regularization, *trainer.chosen.words]
    words += average_words(choices.average)
    if trainer.clip_norm != "none":
        words.append(f"gradient norm at most {trainer.clip_norm:.3g}")
    return TrainSection(
        optimizer=f"{choices.optimizer}, peak rate {trainer.base_lr:g}{scaled}{decay}, batches of {trainer.batch_size}",
        schedule=f"{trainer.schedule.told}, {trainer.epochs:.4g} epochs",
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        steps=outcome.steps,
        stopped_by=outcome.stopped_by,
        seconds=outcome.seconds,
        samples_per_second=outcome.samples_per_second,
        regularization=words,
        device=device,
        metric=outcome.watched,
        best_value=outcome.best,
        kept=_kept_words(trainer, outcome),
        noise_scale=outcome.noise_scale,
    )


def _kept_words(trainer: Trainer, outcome: Outcome) -> str:
    """Which of the average and the raw weights were kept, and the numbers of both."""
    row = next((row for row in trainer.rows if row["epoch"] == outcome.best_epoch), None)
    if not outcome.kept or row is None:  # of an epoch before a resumption the numbers are in the record
        return {"average": "the averaged weights", "raw": "the raw weights"}.get(outcome.kept, "")
    name = outcome.watched
    average, raw = f"{row[name]:.4g}", f"{row[f'raw_{name}']:.4g}"
    if outcome.kept == "average":
        return f"the averaged weights: {name} {average}, of the raw ones {raw}"
    return f"the raw weights: {name} {raw}, of the average {average}"
