"""The plans: how much of a pretrained network is kept, from a new head alone to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ravine.data.batches import TensorBatches
from ravine.train.trainer import Trainer
from ravine.transfer.features import cached
from ravine.transfer.freeze import freeze
from ravine.transfer.l2_sp import L2SP
from ravine.transfer.parts import Part
from ravine.transfer.probe import solve_head
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
        trainer: Of the network, or of the head alone.
        train: What it trains on.
        held: What it watches.
        words: What the plan does, for people.
    """

    trainer: Trainer
    train: TensorBatches
    held: TensorBatches | None
    words: list[str]


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
    return _MAKERS[name](setting, {"run_dir": run_dir, "resume": resume}, changes)


def _linear(setting: Setting, where: dict[str, Any], changes: dict[str, Any]) -> Ready:
    train, held = kept_features(setting)
    solved = solve_on(setting, train, held)
    freeze(setting.parts)
    views = train.rows // setting.train.rows
    epochs = changes.get("epochs", setting.choices.get("epochs", "auto"))
    if isinstance(epochs, int | float):  # an epoch passes over all views of a row
        changes = {**changes, "epochs": max(epochs / views, 1)}
    trainer = _trainer(setting, where, changes, model=setting.head, transform=None)
    told = f", {views} views of each row" if views > 1 else ""
    words = [f"features of the frozen body kept{told}", f"head solved by L-BFGS with λ = {solved:g}, then trained"]
    return Ready(trainer, train, held, words)


def _last_block(setting: Setting, where: dict[str, Any], changes: dict[str, Any]) -> Ready:
    parts = setting.parts
    solved = _head_first(setting)
    frozen = len(parts) - top_parts(parts)
    freeze(parts[:frozen])
    words = [f"{frozen} of {len(parts)} parts frozen, {parts[frozen].name} and what follows trains", *solved]
    return _body(setting, where, changes, words)


def _fine_tune(setting: Setting, where: dict[str, Any], changes: dict[str, Any]) -> Ready:
    solved = _head_first(setting)
    made = _body(setting, where, changes, [f"all {len(setting.parts)} parts train", *solved])
    if setting.unfreeze > 0:
        Unfreezing(every=setting.unfreeze).attach(made.trainer, setting.parts)
        made.words.append(f"one more part woken every {setting.unfreeze:g} epochs")
    return made


def _scratch(setting: Setting, where: dict[str, Any], changes: dict[str, Any]) -> Ready:
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
    return Ready(_trainer(setting, where, changes), setting.train, setting.held, ["fresh weights"])


_MAKERS: dict[PlanName, Callable[[Setting, dict[str, Any], dict[str, Any]], Ready]] = {
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


def kept_features(setting: Setting) -> tuple[TensorBatches, TensorBatches | None]:
    """Features of the training rows, in several views where they are augmented, and of the held rows."""
    setting.network.to(setting.machine.device)
    train = cached(setting.network, setting.head, setting.train, transform=setting.transform, views=setting.views)
    held = cached(setting.network, setting.head, setting.held) if setting.held is not None else None
    return train, held


def solve_on(setting: Setting, train: TensorBatches, held: TensorBatches | None) -> float:
    """Solve the head on kept features, in place.

    Returns: The penalty that the held rows chose.
    """
    judged = (held.fields[0], held.target) if held is not None else None
    solved = solve_head(train.fields[0], train.target, setting.outputs, setting.loss, judged)
    solved.put_into(setting.head)
    return solved.penalty


def _head_first(setting: Setting) -> list[str]:
    """A head that suits the features, so that its first gradients do not spoil the body.

    Source: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution", section 3: linear probing, then fine-tuning.
    """
    plain = setting.copied(network=setting.network, transform=None)
    penalty = solve_on(plain, *kept_features(plain))
    return [f"head solved on kept features first (λ = {penalty:g})"]


def _body(setting: Setting, where: dict[str, Any], changes: dict[str, Any], words: list[str]) -> Ready:
    parts = setting.parts
    scales = rate_scales(parts, body=setting.body_lr, layer_decay=setting.layer_decay)
    trainer = _trainer(setting, where, changes, regularize=Rated.of(setting.chosen, scales))
    words = [*words, f"rate of the body {setting.body_lr:g} of the head's"]
    if setting.layer_decay is not None:
        words.append(f"falling by {setting.layer_decay:g} from part to part towards the input")
    if setting.l2_sp > 0:
        pull = L2SP((p for part in parts for p in part.parameters()), setting.l2_sp)
        trainer.on("start", lambda trainer: pull.attach(trainer.optimizer))
        words.append(f"L2-SP, α = {setting.l2_sp:g}")
    return Ready(trainer, setting.train, setting.held, words)


def _trainer(setting: Setting, where: dict[str, Any], changes: dict[str, Any], **over: Any) -> Trainer:
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
    }
    return Trainer(**{**given, **where, **setting.choices, **changes, **over})
