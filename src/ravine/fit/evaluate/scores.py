"""All metrics of a task, each with its 95% interval."""

from __future__ import annotations

import math

import numpy as np

from ravine.data.task import Kind
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.calibration import calibration
from ravine.fit.evaluate.measures import Measure, label_f1, measures_of
from ravine.fit.intervals import Auroc, Bootstrap, Bounds, auroc, auroc_interval
from ravine.records.results import Score

MOST_LABELS = 50
"""Labels beyond this many are scored together, but not each by itself."""


def scores(answers: Answers, boot: Bootstrap) -> list[Score]:
    """Every metric of the task on these rows, the one that decides first.

    - classify: accuracy, balanced accuracy, macro F1, log loss, AUROC (one against the rest,
      mean over classes), expected calibration error;
    - regress: R² (of log(y) first, where that is learned), RMSE and MAE in the target's units;
    - multi-label: macro F1, exact match, log loss, mean AUROC; F1 and AUROC of each label.
    """
    found = [score(measure, answers, boot) for measure in measures_of(answers.task)]
    if answers.task.kind is Kind.REGRESS:
        return found
    areas = _areas(answers)
    found.append(_area_score("roc_auc", list(areas.values())))
    if answers.task.kind is Kind.CLASSIFY:
        error = calibration(answers).expected_error
        return [*found, Score(name="ece", value=error, higher_is_better=False)]
    for label, name in enumerate(answers.task.classes[:MOST_LABELS]):
        found.append(score(label_f1(label, name), answers, boot))
        if label in areas:
            found.append(_area_score(f"roc_auc: {name}", [areas[label]]))
    return found


def score(measure: Measure, answers: Answers, boot: Bootstrap) -> Score:
    """One metric with its interval."""
    value = measure.value(boot, answers)
    bounds = measure.interval(boot, answers)
    return _as_score(measure.name, value, bounds, measure.higher_is_better)


def _areas(answers: Answers) -> dict[int, Auroc]:
    """The area of each class or label that has true and false rows, by its number."""
    classes = range(len(answers.task.classes))
    if answers.task.kind is Kind.CLASSIFY:
        # Two classes are one question; its two areas are the same number.
        classes = range(1, 2) if len(classes) == 2 else classes
        ranked, truth = answers.probabilities, answers.classes_true[:, None] == np.arange(len(answers.task.classes))
    else:
        ranked, truth = answers.outputs.astype(np.float64), answers.labels_true
    found = {number: auroc(ranked[:, number], truth[:, number]) for number in classes}
    return {number: area for number, area in found.items() if math.isfinite(area.value)}


def _area_score(name: str, areas: list[Auroc]) -> Score:
    if not areas:
        return Score(name=name, value=None)
    value = float(np.mean([area.value for area in areas]))
    return _as_score(name, value, auroc_interval(areas), higher_is_better=True)


def _as_score(name: str, value: float, bounds: Bounds | None, higher_is_better: bool) -> Score:
    low, high = bounds if bounds is not None else (None, None)
    known = value if math.isfinite(value) else None
    return Score(name=name, value=known, low=low, high=high, higher_is_better=higher_is_better)
