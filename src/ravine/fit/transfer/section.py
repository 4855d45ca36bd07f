"""How the network was moved, for the record and the report."""

from __future__ import annotations

from ravine.data.task import Kind
from ravine.records.results import Gain, Known, PlanTrial, Score, TransferSection
from ravine.transfer.automatic import MANY, Choice, Trial, rows_per_class
from ravine.transfer.plans import PlanName
from ravine.transfer.setting import Setting
from ravine.transfer.similarity import Known as Told
from ravine.transfer.told import part_rates

WIDTH = 1.96
"""Standard errors on either side of a value that hold it in 95 of 100 cases."""


def transfer_section(setting: Setting, plan: PlanName, source: str, choice: Choice | None) -> TransferSection:
    """The section of a plan; `choice` is None where the plan was given."""
    common = {
        "plan": plan,
        "source": source,
        "per_class": rows_per_class(setting),
        "much": MANY,
        "parts": part_rates(setting, plan),
    }
    if choice is None:
        return TransferSection(**common)
    metric = "r2" if setting.loss.kind is Kind.REGRESS else "accuracy"
    return TransferSection(
        **common,
        auto=True,
        reason=choice.reason,
        similar=choice.similar,
        pretrained=_known(choice.compared.pretrained),
        random=_known(choice.compared.random),
        compared=(choice.compared.train, choice.compared.held),
        trials=[_trial(trial, metric, chosen=trial.plan == plan) for trial in choice.trials],
        seconds=choice.lost,
    )


def _known(told: Told) -> Known:
    return Known(linear=told.linear, neighbours=told.neighbours, logme=told.logme)


def _trial(trial: Trial, metric: str, *, chosen: bool) -> PlanTrial:
    half, around = WIDTH * trial.error, WIDTH * trial.gain_error
    score = Score(name=metric, value=trial.quality, low=trial.quality - half, high=min(trial.quality + half, 1.0))
    gain = None
    if trial.gain is not None:
        gain = Gain(name=metric, value=trial.gain, low=trial.gain - around, high=trial.gain + around)
    return PlanTrial(
        plan=trial.plan,
        epochs=trial.epochs,
        score=score,
        loss=trial.loss,
        gain=gain,
        seconds=trial.seconds,
        chosen=chosen,
        words=trial.words,
    )
