"""What an ensemble gains over its members on the same rows, and how much they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ravine.data.task import Kind
from ravine.ensemble import ambiguity, disagreement, error_correlation
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.measures import Measure, measures_of
from ravine.fit.evaluate.scores import score
from ravine.fit.intervals import Bootstrap, Floats
from ravine.records.results import EnsembleSection, Gain, Member, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One member and its answers on the test rows.

    Attributes:
        name: What it is called.
        weight: Its share of the average.
        epoch: Whose weights it has.
        answers: By itself, calibrated by itself.
    """

    name: str
    weight: float
    epoch: int
    answers: Answers


def ensemble_section(
    whole: Answers,
    members: Sequence[Scored],
    *,
    kind: str,
    how: str,
    combine: str,
    weights: str,
    best: int,
    seed: int = 0,
) -> EnsembleSection:
    """The section of the record, from answers on the same rows.

    Args:
        whole: Of the ensemble, calibrated.
        members: Its members, those left out among them.
        kind: "seeds", "snapshots" or "checkpoints".
        how: How they were trained.
        combine: What was averaged.
        weights: How members are weighed.
        best: Number of the member that validation holds best.
        seed: Of the resamples.
    """
    task, boot = whole.task, Bootstrap(len(whole), seed=seed)
    measures = measures_of(task)
    alone = [member.answers for member in members]
    regress = task.kind is Kind.REGRESS
    said = np.stack([answers.outputs.astype(np.float64) if regress else answers.probabilities for answers in alone])
    parts = ambiguity(said, _truth(whole), [member.weight for member in members])
    return EnsembleSection(
        kind=kind,
        how=how,
        combine="values" if regress else combine,
        weights=weights,
        metric=measures[0].name,
        members=[
            Member(
                name=member.name,
                weight=member.weight,
                epoch=member.epoch,
                scores=[score(measure, member.answers, boot) for measure in measures],
            )
            for member in members
        ],
        mean=[_mean(measure, boot, alone) for measure in measures],
        scores=[score(measure, whole, boot) for measure in measures],
        gains=[gain_over_mean(measure, boot, whole, alone) for measure in measures],
        best=members[best].name,
        gains_over_best=[gain_over_mean(measure, boot, whole, [alone[best]]) for measure in measures],
        disagreement=None if regress else disagreement([_choices(answers) for answers in alone]),
        error_correlation=error_correlation([_errors(answers) for answers in alone]),
        squared_error=parts.ensemble,
        squared_error_of_members=parts.members,
        ambiguity=parts.ambiguity,
    )


def gain_over_mean(measure: Measure, boot: Bootstrap, whole: Answers, members: Sequence[Answers]) -> Gain:
    """How much better `whole` is than the mean of what each of `members` reaches, by paired bootstrap over the rows."""
    pieces = [measure.parts(boot, answers) for answers in (whole, *members)]
    columns = pieces[0].shape[1]
    sign = 1.0 if measure.higher_is_better else -1.0

    def difference(sums: Floats) -> Floats:
        values = [measure.of_sums(sums[..., at * columns : (at + 1) * columns]) for at in range(len(pieces))]
        better: Floats = sign * (values[0] - np.mean(values[1:], axis=0))
        return better

    parts = np.concatenate(pieces, 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = float(difference(parts.sum(0)))
        bounds = boot.interval(difference, parts)
    low, high = bounds if bounds is not None else (None, None)
    return Gain(name=measure.name, value=value if math.isfinite(value) else None, low=low, high=high)


def _mean(measure: Measure, boot: Bootstrap, members: Sequence[Answers]) -> Score:
    value = float(np.mean([measure.value(boot, answers) for answers in members]))
    return Score(
        name=measure.name, value=value if math.isfinite(value) else None, higher_is_better=measure.higher_is_better
    )


def _truth(answers: Answers) -> Floats:
    """What probabilities or values should have been, (rows, outputs)."""
    if answers.task.kind is Kind.CLASSIFY:
        truth: Floats = np.eye(answers.task.outputs)[answers.classes_true]
        return truth
    return answers.target.astype(np.float64)


def _choices(answers: Answers) -> NDArray[np.generic]:
    return answers.choice if answers.task.kind is Kind.CLASSIFY else answers.labels


def _errors(answers: Answers) -> Floats:
    if answers.task.kind is Kind.REGRESS:
        return answers.outputs.astype(np.float64) - answers.target.astype(np.float64)
    classify = answers.task.kind is Kind.CLASSIFY
    wrong = answers.choice != answers.classes_true if classify else answers.labels != answers.labels_true
    return np.asarray(wrong, dtype=np.float64)
