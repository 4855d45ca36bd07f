"""The test part, looked at once: every number and picture of the last page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.data.raw import Raw
from ravine.data.task import Kind, encode_targets
from ravine.fit.baselines import FittedBaseline
from ravine.fit.evaluate.calibration import calibration
from ravine.fit.evaluate.confusion import confusion
from ravine.fit.evaluate.importance import permutation_importance
from ravine.fit.evaluate.measures import deciding
from ravine.fit.evaluate.mistakes import worst_mistakes
from ravine.fit.evaluate.residuals import residuals
from ravine.fit.evaluate.scores import scores
from ravine.fit.evaluate.verdict import verdict
from ravine.fit.intervals import Bootstrap
from ravine.fit.model import Model
from ravine.records.results import TestSection


def evaluate(
    model: Model,
    raw: Raw,
    rows: NDArray[np.int64],
    *,
    baselines: Sequence[FittedBaseline] = (),
    seed: int = 0,
) -> TestSection:
    """What the finished model does on `rows`, which neither training nor choice has seen.

    Args:
        model: Network, preparation, and what validation rows taught (`calibrate`).
        raw: Where the rows come from, with targets.
        rows: Test rows.
        baselines: Fitted methods with answers on the same rows, in the same order.
        seed: Of resamples, samples and shuffles: the same seed gives the same section.

    Raises:
        BadData: No rows, or rows without targets.
    """
    if raw.targets is None or len(rows) == 0:
        raise BadData(f"{raw.name}: there are no rows with targets to test on.")
    answers = model.answers(model.outputs(raw, rows), encode_targets(model.task, raw.targets[rows]))
    boot = Bootstrap(len(rows), seed=seed)
    regress, classify = model.task.kind is Kind.REGRESS, model.task.kind is Kind.CLASSIFY
    half = model.extra.get("half_width")
    return TestSection(
        rows=len(rows),
        metric=deciding(model.task).name,
        scores=scores(answers, boot),
        confusion=confusion(answers) if classify else [],
        mistakes=worst_mistakes(answers, raw, rows),
        calibration=None if regress else calibration(answers),
        residuals=residuals(answers, None if half is None else tuple(half), seed=seed) if regress else None,
        importance=permutation_importance(model, raw, rows, seed=seed),
        verdict=verdict(answers, baselines, boot),
    )
