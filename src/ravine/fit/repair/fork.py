"""One remedy tried: a short training from the place gone back to, with the same seeds and the same batches."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from ravine.diagnose.noise import Estimate, level
from ravine.fit.repair.compare import ERRORS, tail
from ravine.fit.repair.goods import Good
from ravine.fit.repair.ledger import Ledger
from ravine.fit.repair.remedy import Change
from ravine.fit.repair.trend import Fault
from ravine.records.results import Attempt
from ravine.train.again import again
from ravine.train.start import Start

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

PAST = (50, 200)
"""Steps past the place of the fault, at least and at most; in between as many as lie between it and the place gone
back to."""

SETTLED = 20
"""Steps that tell a level of the loss."""

TO_PEAK = 400
"""Most steps past the fault until the rate is at its highest: a fork that never sees the highest rate proves little."""

UNTRIED: dict[str, Any] = {"patience": "none", "stop": "patience", "target_value": None, "diverged": "none"}
"""Reasons to end early that a fork does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forks:
    """What all forks of one fault have in common.

    Attributes:
        trainer: That went wrong.
        train, validate: Its data.
        fault: What went wrong.
        good: The place gone back to.
        before: The level of the loss there; of the first weights where there is nothing before.
        guess: The loss of a network that knows nothing.
    """

    trainer: Trainer
    train: Any
    validate: Any
    fault: Fault
    good: Good
    before: Estimate
    guess: float

    def until(self, change: Change) -> int:
        """The step at which a fork with `change` halts."""
        far = self.fault.step - self.good.step
        step = self.fault.step + min(max(far, PAST[0]), PAST[1])
        peak = _peak(self.trainer, self.good.step)
        if peak > self.fault.step:
            step = max(step, min(peak + SETTLED, self.fault.step + TO_PEAK))
        warm = change.adjusted
        if warm.warm_steps:
            step = max(step, min(warm.warm_from + warm.warm_steps + SETTLED, self.fault.step + TO_PEAK))
        return min(step, self.trainer.total_steps)

    def run(self, remedy: str, change: Change, model: nn.Module, spent: float) -> Attempt | None:
        """Try `change`; None when it was interrupted.

        Args:
            remedy: Its name.
            change: What differs.
            model: The network; new where the change asks for that.
            spent: Seconds that the run has taken so far.
        """
        began = time.perf_counter()
        until = self.until(change)
        state, best = self.good.copies() if not change.model else (None, None)
        if state is not None:
            state["seconds"] = spent
        start = Start(
            state=state, best=best, adjusted=change.adjusted, until=until, spent=spent, decision=self.trainer.decision
        )
        ledger = Ledger(self.guess)
        fork = ledger.follow(again(self.trainer, model, start, **UNTRIED))
        outcome = fork.fit(self.train, self.validate)
        if outcome.interrupted:
            return None
        steps, losses = ledger.since(0 if change.model else self.good.step)
        validated = fork.rows[-1].get("val_loss") if fork.rows and fork.rows[-1]["step"] == fork.step else None
        attempt = Attempt(
            remedy=remedy,
            change=change.words,
            outcome="unfinished" if outcome.steps < until else "passed",
            until=until,
            val_loss=validated if validated is not None and math.isfinite(validated) else None,
            seconds=time.perf_counter() - began,
            steps=steps,
            losses=[loss if math.isfinite(loss) else None for loss in losses],
            adjusted=change.adjusted.to_json(),
            model=dict(change.model),
        )
        return self._judged(attempt, ledger.fault)

    def _judged(self, attempt: Attempt, fault: Fault | None) -> Attempt:
        if fault is not None:
            outcome = "broke" if fault.kind == "broke" else "diverged"
            return attempt.model_copy(update={"outcome": outcome, "at": fault.step})
        found = tail(attempt, self.fault.step)
        update: dict[str, Any] = {"loss": found.value, "error": found.error}
        if attempt.outcome == "passed":
            rise = found - self.before
            if rise.low(ERRORS) > 0:
                update["outcome"] = "rose"
            elif self.good.step == 0 and rise.high(ERRORS) >= 0:
                update["outcome"] = "stood"
        return attempt.model_copy(update=update)


def level_before(ledger: Ledger, step: int) -> Estimate:
    """The loss at the place gone back to: of the steps up to it, or the first one where it is the beginning."""
    known = [(at, loss) for at, loss in zip(ledger.steps, ledger.losses, strict=True) if at <= max(step, 1)]
    return level([loss for _, loss in known[-SETTLED:]]) if step else Estimate(known[0][1], 0.0)


def _peak(trainer: Trainer, step: int) -> int:
    """The first step from `step` on at which the schedule is near its highest."""
    ahead = range(step, trainer.total_steps, max((trainer.total_steps - step) // 1000, 1))
    rates = [trainer.schedule(one) for one in ahead]
    highest = max(rates, default=0.0)
    return next((one for one, rate in zip(ahead, rates, strict=True) if rate >= 0.95 * highest), step)
