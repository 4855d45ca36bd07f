"""What is known of a training that has gone wrong: what remedies and their ranking go by."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ravine.diagnose.doctor import examine
from ravine.fit.repair.ledger import Ledger
from ravine.fit.repair.trend import Fault
from ravine.records.history import History
from ravine.train.adjusted import UNCHANGED, Adjusted
from ravine.train.randomness import chance_put_back, set_random_state
from ravine.train.whole_rows import whole_rows

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

SPIKE = 10.0  # times the median of the norms before
LAST = 10  # steps before the fault in which a spike is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault, and the training around it.

    Attributes:
        fault: What went wrong.
        from_step: The place gone back to; 0: nothing good exists yet but the first weights.
        symptoms: Name → confidence, in [0, 1].
        adjusted: Settings that earlier repairs have adopted.
        precision: Of the forward pass.
        clip_norm: Largest norm of the gradient now, None where it is not clipped.
        norms: Of the gradient while all was well, finite.
        steps_per_epoch: Of the training.
        model: Choices of the recipe's [model]; None where the network cannot be made anew.
        broken_rows: Rows of the fault's batch that hold NaN or an infinity.
    """

    fault: Fault
    from_step: int
    symptoms: Mapping[str, float] = field(default_factory=dict)
    adjusted: Adjusted = UNCHANGED
    precision: str = "float32"
    clip_norm: float | None = None
    norms: Sequence[float] = ()
    steps_per_epoch: int = 1
    model: Mapping[str, Any] | None = None
    broken_rows: int = 0


def case_of(trainer: Trainer, ledger: Ledger, fault: Fault, from_step: int, model: Mapping[str, Any] | None) -> Case:
    """Look at a training that has just been stopped.

    Args:
        trainer: That was stopped.
        ledger: Of it.
        fault: Why.
        from_step: The place to go back to.
        model: Choices of the recipe's [model], where the network can be made anew.
    """
    broken = _broken_rows(trainer, fault) if fault.kind == "broke" else 0
    norms = list(zip(reversed(ledger.steps), reversed(ledger.norms), strict=False))[::-1]
    late = fault.step - LAST
    clip = trainer.clip_norm
    found = {finding.symptom: finding.confidence for finding in examine(_history(trainer, ledger, fault, broken))}
    before, last = (
        [norm for step, norm in norms if step < late],
        [norm for step, norm in norms if late <= step < fault.step],
    )
    found |= _seen(fault, before, last, broken)
    return Case(
        fault=fault,
        from_step=from_step,
        symptoms=found,
        adjusted=trainer.start.adjusted,
        precision=trainer.decision.precision,
        clip_norm=None if clip == "none" else clip,
        norms=[norm for step, norm in norms if step <= fault.left and norm < float("inf")],
        steps_per_epoch=len(trainer.batches),
        model=model,
        broken_rows=broken,
    )


def _seen(fault: Fault, before: list[float], last: list[float], broken: int) -> dict[str, float]:
    """What no curve tells, or not for sure: from the norms well before the fault and just before it."""
    usual = statistics.median(before) if before else 0.0
    if broken:
        return {"has-nan-in-data": 1.0}
    if usual > 0 and any(not norm < SPIKE * usual for norm in last):
        return {"explodes": 0.8}
    if fault.kind == "broke" and fault.left >= fault.step - 1:
        return {"overflows": 0.6}  # out of nothing
    return {}


def _history(trainer: Trainer, ledger: Ledger, fault: Fault, broken: int) -> History:
    """The last steps up to the fault, as the doctor reads them."""
    clip = trainer.clip_norm
    rows: list[dict[str, Any]] = [
        {"kind": "about", "batch_size": trainer.batches.batch_size, "steps_per_epoch": len(trainer.batches)}
    ]
    skipped = len(ledger.losses) - len(ledger.norms)
    for place, (step, loss) in enumerate(zip(ledger.steps, ledger.losses, strict=True)):
        lr = trainer.base_lr * trainer.schedule(step - 1)
        row: dict[str, Any] = {"kind": "step", "step": step, "train_loss": loss, "lr": lr}
        if place >= skipped:
            norm = ledger.norms[place - skipped]
            row["grad_norm"] = norm
            if clip != "none":
                row["clipped"] = float(norm > clip)
        rows.append(row)
    if broken:
        rows.append({"kind": "fact", "fact": "data-not-finite", "step": fault.step, "count": broken})
    return History(rows)


def _broken_rows(trainer: Trainer, fault: Fault) -> int:
    """Rows of the step at which the loss broke that hold NaN or an infinity."""
    epoch, inside = divmod(fault.step - 1, len(trainer.batches))
    count = 0
    with chance_put_back(trainer.given):
        set_random_state(trainer.epoch_start_state)
        for batch in trainer.batches.epoch(epoch, inside):
            whole = whole_rows((*batch.inputs, batch.target))
            count += 0 if whole is None else int((~whole).sum())
            if batch.ends_step:
                break
    return count
