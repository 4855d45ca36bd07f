"""Which plan: how much data, how similar, measured; then short trials, the cheap ones first."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ravine.core.errors import BadValue
from ravine.data.batches import TensorBatches
from ravine.data.task import Kind
from ravine.transfer.features import cached
from ravine.transfer.plans import PlanName, ready, top_parts
from ravine.transfer.setting import Setting
from ravine.transfer.similarity import MOST_ROWS, Known, known_of, quality_per_row, randomized

SHARE = 0.12
"""Of the epochs of a full training that a trial may take: three of them cost about a third of it."""

MANY = 100
"""Rows a class (a number to learn counts as one class) from which a body of one's own can be learned."""

SURE = 1.2
"""Standard errors of the paired difference by which a dearer plan must be better; a single row more makes 1."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One plan tried.

    Attributes:
        plan: Its name.
        quality: Accuracy on the held rows, or R².
        loss: Mean loss on them.
        seconds: It took.
    """

    plan: PlanName
    quality: float
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan, and everything it rests on.

    Attributes:
        plan: The chosen one.
        per_class: Training rows of the rarest class; all of them where numbers are learned.
        pretrained, random: What the features tell, of the pretrained body and of fresh weights.
        trials: What was tried, in that order.
        seconds: Altogether.
    """

    plan: PlanName
    per_class: int
    pretrained: Known
    random: Known
    trials: tuple[Trial, ...]
    seconds: float

    @property
    def similar(self) -> bool:
        """Whether the pretrained features know more of these data than random ones do."""
        return _helps(self.pretrained, self.random)

    @property
    def words(self) -> str:
        """Chosen plan and reason, with the numbers."""
        amount = "much" if self.per_class >= MANY else "little"
        alike = "similar" if self.similar else "not similar"
        tried = ", ".join(f"{trial.plan} {trial.quality:.3f} (loss {trial.loss:.3f})" for trial in self.trials)
        return (
            f"{self.plan}: {amount} data ({self.per_class} rows of the rarest class), {alike} (pretrained features: "
            f"{self.pretrained}; random ones: {self.random}); tried on held rows: {tried}; {self.seconds:.1f} s"
        )


def choose_plan(setting: Setting) -> Choice:
    """Measure, try, and choose; `setting.network` is left as it was.

    A dearer plan is taken when it beats the best cheaper one on the same held rows by more than a standard
    error of the difference. Training from scratch is not tried where data are few and the features help.

    Raises:
        BadValue: There are no held rows to choose by.
    """
    if setting.held is None:
        raise BadValue("transfer: plan = 'auto' needs validation rows. Name a plan, or set split.val.")
    began = time.perf_counter()
    pretrained = _known(setting)
    random = _known(setting.copied(network=randomized(setting.network, setting.seed)))
    per_class = rows_per_class(setting)
    plans: list[PlanName] = ["linear", "last-block", "fine-tune"]
    parts = setting.parts
    if top_parts(parts) == len(parts):
        plans.remove("last-block")  # it is fine-tune then
    if per_class >= MANY or not _helps(pretrained, random):
        plans.append("scratch")
    trials: list[Trial] = []
    best: tuple[PlanName, Tensor, Tensor] | None = None
    for plan in plans:
        trial, hits, losses = _tried(setting, plan)
        trials.append(trial)
        if best is None or _better(hits, losses, best[1], best[2]):
            best = (plan, hits, losses)
    assert best is not None
    return Choice(best[0], per_class, pretrained, random, tuple(trials), time.perf_counter() - began)


def _helps(pretrained: Known, random: Known) -> bool:
    return pretrained.linear > random.linear and pretrained.logme > random.logme


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


def _known(setting: Setting) -> Known:
    assert setting.held is not None
    setting.network.to(setting.machine.device)
    train = cached(setting.network, setting.head, _few(setting.train))
    held = cached(setting.network, setting.head, _few(setting.held))
    return known_of((train.fields[0], train.target), (held.fields[0], held.target), setting.outputs, setting.loss)


def _few(batches: TensorBatches) -> TensorBatches:
    rows = batches.subset if batches.subset is not None else torch.arange(len(batches.target))
    return TensorBatches(
        batches.fields, batches.target, batch_size=batches.batch_size, device=batches.device, subset=rows[:MOST_ROWS]
    )


def _targets(batches: TensorBatches) -> Tensor:
    if batches.subset is None:
        return batches.target
    return batches.target[batches.subset.to(batches.target.device)]


def _tried(setting: Setting, plan: PlanName) -> tuple[Trial, Tensor, Tensor]:
    """A short training of a copy, and what it makes of each held row: quality and loss."""
    assert setting.held is not None
    began = time.perf_counter()
    epochs = setting.choices.get("epochs", 10)
    minutes = setting.choices.get("minutes")
    own = setting.copied(views=1)
    made = ready(
        own,
        plan,
        epochs=max(1, math.ceil(SHARE * (epochs if isinstance(epochs, int | float) else 10))),
        plan="safe",
        patience="none",
        average=0.0,
        minutes=SHARE * minutes if minutes is not None else None,
    )
    made.trainer.fit(made.train, made.held)
    outputs = _outputs(own)
    target = _targets(setting.held).to(outputs.device)
    hits = quality_per_row(outputs, target, setting.loss.kind)
    losses = setting.loss.per_row(outputs, target)
    trial = Trial(plan, float(hits.mean()), float(losses.mean()), time.perf_counter() - began)
    return trial, hits, losses


def _outputs(setting: Setting) -> Tensor:
    assert setting.held is not None
    setting.network.eval()
    with torch.no_grad():
        return torch.cat([setting.network(*inputs) for inputs, *_ in setting.held.epoch(0)])


def _better(hits: Tensor, losses: Tensor, other_hits: Tensor, other_losses: Tensor) -> bool:
    """By quality where it tells the two apart, else by loss where that does."""
    gain = _in_errors(hits - other_hits)
    if abs(gain) > SURE:
        return gain > 0
    return gain >= 0 and _in_errors(other_losses - losses) > SURE


def _in_errors(gains: Tensor) -> float:
    """Mean of paired gains in its own standard errors."""
    mean, count = float(gains.double().mean()), len(gains)
    if count < 2:
        return 0.0
    error = float(gains.double().std()) / math.sqrt(count)
    return mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0
