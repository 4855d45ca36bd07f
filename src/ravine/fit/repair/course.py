"""The course of a training that may be repaired: on until it goes wrong, back, the forks, and on with what helps."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from ravine.core.errors import BadValue
from ravine.fit.repair import words
from ravine.fit.repair.case import Case, case_of
from ravine.fit.repair.compare import best, goes_lower
from ravine.fit.repair.fork import Forks, level_before
from ravine.fit.repair.goods import Good, Goods
from ravine.fit.repair.ledger import Ledger
from ravine.fit.repair.record import Record
from ravine.fit.repair.remedies import ranked
from ravine.fit.repair.remedy import Change, Remedy
from ravine.fit.repair.trend import Fault, last_on_trend
from ravine.records.metrics import MetricsWriter
from ravine.records.results import RepairRound
from ravine.train.again import again
from ravine.train.judging import copied
from ravine.train.outcome import Outcome
from ravine.train.plan import Decision
from ravine.train.recipe import Recipe, merged
from ravine.train.safekeeping import Safekeeping
from ravine.train.start import Start
from ravine.train.trainer import Trainer

if TYPE_CHECKING:
    from ravine.fit.job import Job

MOST_ROUNDS = 3
MOST_ATTEMPTS = 12
"""Forks of one round."""

MARGIN = 5
"""Steps before the loss left its trend at which the weights are still taken for good."""

SHARE = 0.5
"""Of the time left, where time is limited, that the forks of a round may take."""

NewNetwork = Callable[[Mapping[str, Any]], nn.Module]
"""Choices of the recipe's [model] that differ → the network with its first weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a training begins with, as far as it is known.

    Attributes:
        guess: The loss of a network that knows nothing; 0 where that is not known.
        anew: Makes the network anew; None where it is somebody's own.
    """

    guess: float = 0.0
    anew: NewNetwork | None = None


def repaired(job: Job, trainer: Trainer, train: Any, validate: Any, beginning: Beginning) -> tuple[Outcome, Trainer]:
    """Train, and repair what goes wrong on the way.

    Args:
        job: The run.
        trainer: Its trainer, not begun yet.
        train: Rows it learns from.
        validate: Rows it is judged by, or None.
        beginning: What it begins with.

    Returns: How it ended, and the trainer that ended it: its network is the one to keep.
    """
    return _Course(job, trainer, train, validate, beginning).run()


class _Course:
    def __init__(self, job: Job, trainer: Trainer, train: Any, validate: Any, beginning: Beginning) -> None:
        self.job, self.train, self.validate, self.beginning = job, train, validate, beginning
        self.trained = self.spent = 0.0  # seconds up to the fault, and with the forks
        self.folder = job.folder.repair
        self.record = Record(self.folder, resumes=job.resumes)
        self.trainer = self._set_out(trainer)

    def run(self) -> tuple[Outcome, Trainer]:
        """See `repaired`."""
        while True:
            ledger = Ledger(self.beginning.guess, Goods(self.folder))
            ledger.follow(self.trainer)
            outcome = self.job.follow(self.trainer, self.train, self.validate)
            fault = _fault(ledger, outcome)
            if outcome.interrupted or fault is None:
                self._told(ended=not outcome.interrupted)
                return outcome, self.trainer
            kept = copied(self.trainer.model)
            helped = self._repair(ledger, fault)
            if helped is None:
                self._told(ended=False)
                return dataclasses.replace(outcome, interrupted=True, stopped_by="Ctrl-C, in a repair"), self.trainer
            if not helped:
                self.trainer.model.load_state_dict(kept)
                self._told()
                return outcome, self.trainer

    # ---- one fault ----------------------------------------------------------------------------

    def _repair(self, ledger: Ledger, fault: Fault) -> bool | None:
        """Whether something helped; None when it was interrupted."""
        assert ledger.goods is not None
        self.trained = self.spent = self.trainer.elapsed()
        self.job.show.step("repair", words.fault(fault))
        most = fault.left - MARGIN
        while sum(bool(one.why) for one in self.record.rounds) < MOST_ROUNDS:
            good = ledger.goods.newest(most)
            case = case_of(self.trainer, ledger, fault, good.step, self._model_choices())
            self._open(case, ledger, good)
            forks = Forks(
                trainer=self.trainer,
                train=self.train,
                validate=self.validate,
                fault=fault,
                good=good,
                before=level_before(ledger, good.step),
                guess=self.beginning.guess,
            )
            if not self._try(case, forks):
                return None
            if self.record.rounds[-1].adopted is not None:
                self._go_on(good)
                return True
            self.job.show.step("repair", self.record.rounds[-1].why)
            if good.step == 0 or _whatever(self.record.rounds[-1]):
                return False
            most = good.step - 1  # farther back
        self.job.show.step("repair", f"{MOST_ROUNDS} rounds are the most a run has: it ends here")
        return False

    def _open(self, case: Case, ledger: Ledger, good: Good) -> None:
        """Begin the round of a fault, or go on with it; what it needs is on disk from here on."""
        fault = case.fault
        steps, losses = ledger.since(good.step)
        fresh = RepairRound(
            kind=fault.kind,
            evidence=fault.evidence,
            fault_step=fault.step,
            left_step=fault.left,
            from_step=good.step,
            symptoms=dict(case.symptoms),
            steps=steps,
            losses=[loss if math.isfinite(loss) else None for loss in losses],
        )
        assert ledger.goods is not None
        ledger.goods.save()
        self.record.open(fresh)
        self.job.show.step("repair", words.back(good.step, case.symptoms))

    def _try(self, case: Case, forks: Forks) -> bool:
        """Try what is ranked, write each attempt down, and say what is adopted; False when it was interrupted."""
        until = self._time_for_forks()
        remedies = ranked(case)
        for remedy in remedies:
            for place, change in enumerate(remedy.changes(case)):
                attempts = self.record.rounds[-1].attempts
                if len(attempts) >= MOST_ATTEMPTS or time.perf_counter() > until:
                    break
                if remedy.ladder and place > 1 and not _goes_on(self.record.rounds[-1], remedy):
                    break
                if not self._attempt(remedy, change, forks):
                    return False
        last = self.record.rounds[-1]
        chosen = best(last.attempts, last.fault_step)
        self.record.change(
            adopted=chosen,
            why=words.why(last, chosen),
            spent=self.spent,
            total_steps=self._steps_left(forks.good),
        )
        return True

    def _attempt(self, remedy: Remedy, change: Change, forks: Forks) -> bool:
        """One fork, unless it was run before the run was interrupted; False when it is interrupted now."""
        attempts = self.record.rounds[-1].attempts
        if any(one.change == change.words for one in attempts):
            return True
        model = self.trainer.model
        if change.model:
            try:
                model = self._anew({**self.record.model, **change.model})
            except BadValue:  # the network has nothing that could be so
                return True
        attempt = forks.run(remedy.name, change, model, self.spent)
        if attempt is None:
            return False
        self.spent += attempt.seconds
        self.record.change(attempts=[*attempts, attempt])
        self.job.show.step("", words.attempt(attempt))
        return True

    def _time_for_forks(self) -> float:
        minutes = self.job.recipe.train.minutes
        if minutes is None:
            return math.inf
        return time.perf_counter() + SHARE * max(60 * minutes - self.spent, 0.0)

    # ---- back and on --------------------------------------------------------------------------

    def _set_out(self, trainer: Trainer) -> Trainer:
        """`trainer` as it came, or with what a run that is resumed had adopted."""
        if not self.record.adopted:
            return trainer
        last, attempt = self.record.adopted[-1]
        if not last.carried_out:
            self._put_back(Good.read(Goods(self.folder).path(last.from_step)) if not attempt.model else None)
        model = self._anew(self.record.model) if self.record.model else trainer.model
        return self._with_adopted(trainer, model)

    def _go_on(self, good: Good) -> None:
        """Put the training back to `good`, and make the trainer that goes on from there with what was adopted."""
        last, attempt = self.record.adopted[-1]
        self.job.show.step("repair", last.why)
        self._put_back(None if attempt.model else good)
        model = self._anew(self.record.model) if attempt.model else self.trainer.model
        self.trainer = self._with_adopted(self.trainer, model, self.trainer.decision)

    def _put_back(self, good: Good | None) -> None:
        """Make `good` the newest snapshot, or leave none for a new network; done twice, it is as done once."""
        last, attempt = self.record.adopted[-1]
        snapshots = Safekeeping(self.job.folder, self.job.recipe.keep.checkpoint_seconds)
        if good is None:
            snapshots.go_back(None, None)
            self.job.settle(Recipe.of(merged(self.job.recipe.model_dump(), {"model": attempt.model})))
        else:
            state, best_weights = good.copies()
            state["seconds"] = last.spent
            state["total_steps"] = last.total_steps
            snapshots.go_back(state, best_weights)
        writer = MetricsWriter(self.job.folder.metrics)
        writer.write({"kind": "resume", "step": 0 if good is None else good.step})
        writer.close()
        self.record.change(carried_out=True)

    def _with_adopted(self, trainer: Trainer, model: nn.Module, decision: Decision | None = None) -> Trainer:
        spent = self.record.adopted[-1][0].spent
        start = Start(adjusted=self.record.adjusted, spent=spent, decision=decision)
        made = again(trainer, model, start, run_dir=self.job.folder.path, resume=True)
        self.job.log(made)
        return made

    def _anew(self, choices: Mapping[str, Any]) -> nn.Module:
        assert self.beginning.anew is not None
        return self.beginning.anew(choices)

    def _model_choices(self) -> dict[str, Any] | None:
        if self.beginning.anew is None:
            return None
        return {**self.job.recipe.model.model_dump(), **self.record.model}

    def _steps_left(self, good: Good) -> int:
        """Steps of the whole training; fewer, where time is limited and the repair has taken of it."""
        total, minutes = self.trainer.total_steps, self.job.recipe.train.minutes
        if minutes is None or not self.trainer.step:
            return total
        pace = self.trained / self.trainer.step
        fits = good.step + int(0.92 * max(60 * minutes - self.spent, 0.0) / max(pace, 1e-9))
        return min(total, max(fits, good.step + 1))

    def _told(self, *, ended: bool = True) -> None:
        """Keep what was tried, and what it came to."""
        if self.record.rounds:
            self.job.keep("repair", words.summary(self.record.rounds), repair=self.record.section)
        if ended:
            for path in self.folder.glob("good-*.safetensors"):
                path.unlink(missing_ok=True)


def _goes_on(last: RepairRound, remedy: Remedy) -> bool:
    """Whether to go further down a ladder: its last rung failed, or did better than those before."""
    rungs = [one for one in last.attempts if one.remedy == remedy.name]
    if _sudden(last) and rungs[-1].at == last.fault_step:
        return False
    if rungs[-1].outcome in ("broke", "diverged", "rose", "stood"):
        return True
    return rungs[-1].outcome == "passed" and goes_lower(rungs[-1], rungs[:-1], last.fault_step)


def _sudden(last: RepairRound) -> bool:
    """Whether the loss broke out of nothing: it was on its trend until the step before."""
    return last.kind == "broke" and last.left_step >= last.fault_step - 1


def _whatever(last: RepairRound) -> bool:
    """Whether it breaks at the same step whatever is changed: then nothing farther back changes it either."""
    return _sudden(last) and all(one.at == last.fault_step for one in last.attempts)


def _fault(ledger: Ledger, outcome: Outcome) -> Fault | None:
    """What ended a training, where that can be repaired."""
    if ledger.fault is not None or not ledger.losses:
        return ledger.fault
    if not outcome.stopped_by.startswith("divergence:"):
        return None
    step = outcome.steps
    left = last_on_trend(ledger.steps, list(ledger.losses), step)
    return Fault("diverged", step, left, f"Stopped by {outcome.stopped_by}.")
