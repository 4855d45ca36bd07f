"""The plans: how much of a pretrained network is kept, from a new head alone to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ravine.data.batches import TensorBatches
from ravine.records.folder import RunFolder
from ravine.train.checkpoint import Snapshots
from ravine.train.trainer import Trainer
from ravine.transfer.features import NoFeatures, cached
from ravine.transfer.freeze import freeze, hold_statistics
from ravine.transfer.kept import Kept, kept_of, solved_on
from ravine.transfer.l2_sp import L2SP
from ravine.transfer.parts import Part
from ravine.transfer.rates import Rated, rate_scales
from ravine.transfer.setting import Setting
from ravine.transfer.similarity import randomized
from ravine.transfer.unfreezing import Unfreezing

PlanName = Literal["linear", "last-block", "fine-tune", "scratch"]
PLANS: tuple[PlanName, ...] = ("linear", "last-block", "fine-tune", "scratch")
"""From the cheapest on."""

BLOCK = 0.2
"""Share of the body's parameters that its last block holds: one part may be a bare normalization."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A plan ready to be trained.

    Attributes:
        network: All of it, trained in place.
        trainer: Of the network, or of the head alone.
        train: What it trains on.
        held: What it watches.
        words: What the plan does, for people.
    """

    network: nn.Module
    trainer: Trainer
    train: TensorBatches
    held: TensorBatches | None
    words: list[str]


@dataclass(frozen=True, slots=True)
class Where:
    """The folder of a training, and whether it goes on from a snapshot there."""

    run_dir: Path | None
    resume: bool

    @property
    def goes_on(self) -> bool:
        """Whether there is a snapshot that can be used."""
        if not self.resume or self.run_dir is None:
            return False
        return Snapshots(RunFolder(self.run_dir).checkpoints).newest() is not None


def ready(
    setting: Setting, name: PlanName, /, *, run_dir: Path | None = None, resume: bool = False, **changes: Any
) -> Ready:
    """The trainer of the plan called `name`; `setting.network` is changed in place, now and when it trains.

    Args:
        setting: What to start from.
        name: linear (a head on kept features), last-block (the last part of the body and the head),
            fine-tune (all, the body slowly) or scratch (fresh weights).
        run_dir: Folder for metrics and snapshots.
        resume: Go on from the newest snapshot there.
        changes: Choices of the trainer other than the setting's.
    """
    return _MAKERS[name](setting, Where(run_dir, resume), changes)


def _linear(setting: Setting, where: Where, changes: dict[str, Any]) -> Ready:
    kept = known(setting)
    train, solved = kept.train, kept.solved
    if setting.transform is not None:
        transform, views = setting.transform, setting.views
        plain = train.fields[0]
        train = cached(setting.network, setting.head, setting.train, transform=transform, views=views, plain=plain)
        solved = solved_on(setting, train, kept.held)
    solved.put_into(setting.head)
    freeze(setting.parts)
    views = train.rows // setting.train.rows
    epochs = changes.get("epochs", setting.choices.get("epochs", "auto"))
    if isinstance(epochs, int | float):  # an epoch passes over all views of a row
        changes = {**changes, "epochs": max(epochs / views, 1)}
    trainer = _trainer(setting, where, changes, model=setting.head, transform=None)
    told = f", {views} views of each row" if views > 1 else ""
    words = [
        f"features of the frozen body kept{told}",
        f"head solved by L-BFGS with λ = {solved.penalty:g}, then trained",
    ]
    return Ready(setting.network, trainer, train, kept.held, words)


def _last_block(setting: Setting, where: Where, changes: dict[str, Any]) -> Ready:
    parts = setting.parts
    solved = _head_first(setting, where)
    frozen = asleep("last-block", parts)
    freeze(parts[:frozen])
    words = [f"{frozen} of {len(parts)} parts frozen, {parts[frozen].name} and what follows trains", *solved]
    return _body(setting, where, changes, words)


def _fine_tune(setting: Setting, where: Where, changes: dict[str, Any]) -> Ready:
    solved = _head_first(setting, where)
    made = _body(setting, where, changes, [f"all {len(setting.parts)} parts train", *solved])
    if setting.unfreeze > 0:
        Unfreezing(every=setting.unfreeze).attach(made.trainer, setting.parts, held=setting.holds)
        made.words.append(f"one more part woken every {setting.unfreeze:g} epochs")
    return made


def _scratch(setting: Setting, where: Where, changes: dict[str, Any]) -> Ready:
    setting.network.load_state_dict(
        {
            **setting.network.state_dict(),
            **{
                f"{setting.body_name}.{name}" if setting.body_name else name: value
                for name, value in randomized(setting.network.get_submodule(setting.body_name), setting.seed)
                .state_dict()
                .items()
            },
        }
    )
    return Ready(setting.network, _trainer(setting, where, changes), setting.train, setting.held, ["fresh weights"])


_MAKERS: dict[PlanName, Callable[[Setting, Where, dict[str, Any]], Ready]] = {
    "linear": _linear,
    "last-block": _last_block,
    "fine-tune": _fine_tune,
    "scratch": _scratch,
}


def top_parts(parts: Sequence[Part]) -> int:
    """How many of the last parts make up the last block: as few as hold `BLOCK` of the body's parameters."""
    sizes = [sum(p.numel() for p in part.parameters()) for part in parts]
    held = 0
    for place, size in enumerate(reversed(sizes), start=1):
        held += size
        if held >= BLOCK * sum(sizes):
            return place
    return len(parts)


def asleep(plan: PlanName, parts: Sequence[Part]) -> int:
    """How many of the first parts a plan leaves as they are."""
    if plan == "linear":
        return len(parts)
    return len(parts) - top_parts(parts) if plan == "last-block" else 0


def known(setting: Setting) -> Kept:
    """The kept features that came with `setting`, else made now."""
    return setting.kept if setting.kept is not None else kept_of(setting)


def _head_first(setting: Setting, where: Where) -> list[str]:
    """A head that suits the features, so that its first gradients do not spoil the body.

    Source: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution", section 3: linear probing, then fine-tuning.
    """
    if where.goes_on:  # the snapshot holds the head
        return ["head solved on kept features first"]
    try:
        solved = known(setting).solved
    except NoFeatures:
        return ["head as it is: the network goes on after it, so that features cannot be kept"]
    solved.put_into(setting.head)
    return [f"head solved on kept features first (λ = {solved.penalty:g})"]


def _body(setting: Setting, where: Where, changes: dict[str, Any], words: list[str]) -> Ready:
    parts = setting.parts
    scales = rate_scales(parts, body=setting.body_lr, layer_decay=setting.layer_decay)
    trainer = _trainer(setting, where, changes, regularize=Rated.of(setting.chosen, scales))
    words = [*words, f"rate of the body {setting.body_lr:g} of the head's"]
    if setting.holds:
        hold_statistics(parts)
        words.append("statistics of its normalizations held")
    if setting.layer_decay is not None:
        words.append(f"falling by {setting.layer_decay:g} from part to part towards the input")
    if setting.l2_sp > 0:
        pull = L2SP((p for part in parts for p in part.parameters()), setting.l2_sp)
        trainer.on("start", lambda trainer: pull.attach(trainer.optimizer))
        words.append(f"L2-SP, α = {setting.l2_sp:g}")
    return Ready(setting.network, trainer, setting.train, setting.held, words)


def _trainer(setting: Setting, where: Where, changes: dict[str, Any], **over: Any) -> Trainer:
    given = {
        "model": setting.network,
        "loss": setting.training_loss or setting.loss,
        "metrics": setting.metrics,
        "watch": setting.watch,
        "validation_loss": setting.loss,
        "transform": setting.transform,
        "regularize": setting.chosen,
        "seed": setting.seed,
        "machine": setting.machine,
        "run_dir": where.run_dir,
        "resume": where.resume,
    }
    return Trainer(**{**given, **setting.choices, **changes, **over})
