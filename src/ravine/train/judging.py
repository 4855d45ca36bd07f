"""The end of an epoch judged: the numbers of the average beside those of the raw weights, the best, when to stop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import nn

from ravine.core.errors import BadValue, refusal
from ravine.train.evaluation import evaluate_each
from ravine.train.metrics import HIGHER_IS_BETTER
from ravine.train.statistics import recompute
from ravine.train.stopping import BestKeeper, standard_error
from ravine.train.stops import Stops

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

PATIENCE_SHARE = 0.25
"""patience="auto": a quarter of the epochs without gain, five at least."""

RAW = "raw_"
"""In front of the numbers of the raw weights, where val_… are those of their average."""


def judges(trainer: Trainer) -> tuple[BestKeeper, Stops]:
    """What remembers the best epoch, and what else may end the training.

    Raises:
        BadValue: A choice needs a validation set, and there is none.
    """
    choices = trainer.choices
    improbable = choices.stop == "improbable"
    judged = trainer.validation is not None or (trainer.watch or "").startswith("train_")
    if not judged:
        asked = [f"patience={choices.patience}"] if isinstance(choices.patience, int) else []
        asked += ["stop='improbable'"] if improbable else []
        asked += [f"target_value={choices.target_value:g}"] if choices.target_value is not None else []
        if asked:
            raise BadValue(
                f"Trainer: {asked[0]} needs a validation set, and there is none. Give one, fit(train, validate=...), "
                "or name a number of the training with watch='train_loss'."
            )
    patience = choices.patience
    if patience == "auto" and trainer.validation is not None:
        patience = max(5, math.ceil(PATIENCE_SHARE * trainer.total_steps / len(trainer.batches)))
    delta, relative = choices.least_gain
    counts = isinstance(patience, int) and not improbable
    keeper = BestKeeper(
        higher_is_better=False,
        patience=patience if counts and isinstance(patience, int) else None,
        min_delta=delta,
        relative=relative,
    )
    stops = Stops(
        target=choices.target_value,
        diverged=None if choices.diverged == "none" else choices.diverged,
        improbable=improbable,
        min_delta=delta,
        relative=relative,
    )
    return keeper, stops


def evaluated(trainer: Trainer) -> dict[str, float]:
    """Numbers of the validation set: val_… of the network that counts, raw_val_… of the raw weights beside an average.

    An average whose statistics of batch norm mean nothing is first given those of training rows.
    """
    assert trainer.machine is not None
    average = trainer.average
    averaged = average is not None and average.ready
    if averaged and average is not None and average.how.recomputes:
        recompute(average.module, trainer.batches, trainer.machine)
    if trainer.validation is None:
        return {}
    networks = [trainer.evaluated_model, trainer.model] if averaged else [trainer.model]
    found = evaluate_each(
        networks,
        trainer.validation,
        trainer.validation_loss,
        trainer.metrics,
        trainer.machine,
        trainer.decision.autocast(trainer.machine.device),
        weigh=trainer.weigh,
    )
    row = {f"val_{name}": value for name, value in found[0].items()}
    for numbers in found[1:]:
        row |= {f"{RAW}val_{name}": value for name, value in numbers.items()}
    return row


def judge(trainer: Trainer, row: dict[str, Any], epoch: int) -> None:
    """Is this the best so far, and is it time to stop?

    Of an average and the raw weights the average stands for the epoch, unless the raw weights are
    better by more than the noise of the metric.
    """
    name = watched(trainer, row)
    keeper, stops = trainer.keeper, trainer.stops
    rows = trainer.validation.rows if trainer.validation is not None else trainer.batches.rows
    value, loss, network, kept = row[name], row.get("val_loss"), trainer.evaluated_model, ""
    if f"{RAW}{name}" in row:
        kept, raw = "average", row[f"{RAW}{name}"]
        noise = standard_error(name, value, rows)
        if math.isnan(value) or (raw > value + noise if keeper.higher_is_better else raw < value - noise):
            value, loss, network, kept = raw, row[f"{RAW}val_loss"], trainer.model, "raw"
    if keeper.look(value, epoch, loss, standard_error(name, value, rows)):
        keeper.best_of = kept
        trainer.best_step = trainer.step
        trainer.best_state = copied(network)
        trainer.events.tell("improved", trainer)
    if trainer.stopped_by or trainer.step >= trainer.total_steps:
        return
    left = math.ceil((trainer.total_steps - trainer.step) / len(trainer.batches))
    other = loss if name != "val_loss" else None
    trainer.stopped_by = stops.look(name, value, train_loss=row["train_loss"], val_loss=other, epochs_left=left)
    if keeper.spent and not trainer.stopped_by:
        what = f"neither {name} nor val_loss did" if other is not None else f"{name} did not"
        enough = f" by {trainer.choices.min_delta}" if keeper.min_delta else ""
        trainer.stopped_by = f"patience: {what} better{enough} for {keeper.epochs_since} epochs"


def watched(trainer: Trainer, row: dict[str, Any]) -> str:
    """The name of the watched number; found out once, at the first epoch's end."""
    if trainer.watch is None:
        guesses = [name for name in row if name.startswith("val_") and name != "val_loss"]
        trainer.watch = next(iter([*guesses, *(["val_loss"] if "val_loss" in row else []), "train_loss"]))
    if trainer.watch not in row:
        known = ", ".join(name for name in row if name.startswith(("train_", "val_")))
        raise BadValue(refusal("trainer", "watch", f"be one of {known}", trainer.watch))
    bare = trainer.watch.partition("_")[2]
    known_way = HIGHER_IS_BETTER.get(bare, "loss" not in bare and "error" not in bare)
    way = known_way if trainer.higher_is_better is None else trainer.higher_is_better
    trainer.keeper.higher_is_better = trainer.stops.higher_is_better = way
    return trainer.watch


def copied(network: nn.Module) -> dict[str, Any]:
    """A copy of all that `network` holds."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
