"""Metrics as functions of sums over rows, so that value, interval and difference come from one text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadValue
from ravine.data.task import Kind, Task
from ravine.fit.evaluate.answers import Answers
from ravine.fit.intervals import Bootstrap, Bounds, Floats, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric.

    Attributes:
        name: As in the record: "accuracy", "r2".
        parts: What each unit of the bootstrap adds to the sums, (units, columns).
        of_sums: The metric from the sums, (..., columns) → (...).
        higher_is_better: Which way it improves.
        share: A share of rows that came out right; its interval is Wilson's.
    """

    name: str
    parts: Callable[[Bootstrap, Answers], Floats]
    of_sums: Callable[[Floats], Floats]
    higher_is_better: bool = True
    share: bool = False

    def value(self, boot: Bootstrap, answers: Answers) -> float:
        """The metric over all rows."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(self.of_sums(self.parts(boot, answers).sum(0)))

    def interval(self, boot: Bootstrap, answers: Answers) -> Bounds | None:
        """Its 95% interval; None where none can be given."""
        parts = self.parts(boot, answers)
        if self.share:
            rows, right = parts.sum(0)
            return wilson(round(right), round(rows))
        return boot.interval(self.of_sums, parts)

    def gain(self, boot: Bootstrap, answers: Answers, other: Answers) -> tuple[float, Bounds | None]:
        """How much better `answers` are than `other` on the same rows, positive is better, with its interval."""
        mine, theirs = self.parts(boot, answers), self.parts(boot, other)
        columns = mine.shape[1]
        sign = 1.0 if self.higher_is_better else -1.0

        def difference(sums: Floats) -> Floats:
            better: Floats = sign * (self.of_sums(sums[..., :columns]) - self.of_sums(sums[..., columns:]))
            return better

        both = np.concatenate([mine, theirs], 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(difference(both.sum(0))), boot.interval(difference, both)


def measures_of(task: Task) -> list[Measure]:
    """The metrics of a task, the one that decides first."""
    if task.kind is Kind.CLASSIFY:
        return [ACCURACY, BALANCED_ACCURACY, F1, LOG_LOSS]
    if task.kind is Kind.REGRESS:
        return [R2_LOG, R2, RMSE, MAE] if task.log else [R2, RMSE, MAE]
    return [LABEL_F1, EXACT_MATCH, LABEL_LOG_LOSS]


def measure(task: Task, name: str) -> Measure:
    """The metric of a task by name.

    Raises:
        BadValue: The task has no metric of this name.
    """
    for candidate in measures_of(task):
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in measures_of(task))
    raise BadValue(f"{task.kind.value}: no metric {name!r}. Known: {known}.")


def deciding(task: Task) -> Measure:
    """The metric by which networks and baselines are compared: accuracy, R² on the scale that is learned, macro F1."""
    return measures_of(task)[0]


# --- classify -----------------------------------------------------------------------------------


def _right(boot: Bootstrap, answers: Answers) -> Floats:
    return boot.gather(np.stack([np.ones(len(answers)), answers.choice == answers.classes_true], 1))


def _mean(sums: Floats) -> Floats:
    mean: Floats = sums[..., 1] / sums[..., 0]
    return mean


def _class_counts(boot: Bootstrap, answers: Answers) -> Floats:
    """(units, 3 · classes): hits, true rows and predicted rows of each class."""
    classes = answers.outputs.shape[1]
    truth, choice = answers.classes_true, answers.choice
    return np.concatenate(
        [boot.tally(truth, classes, truth == choice), boot.tally(truth, classes), boot.tally(choice, classes)], 1
    )


def _thirds(sums: Floats) -> tuple[Floats, Floats, Floats]:
    hits, true, said = np.split(sums, 3, axis=-1)
    return hits, true, said


def _balanced_accuracy(sums: Floats) -> Floats:
    hits, true, _ = _thirds(sums)
    return _mean_where(hits, true, true > 0)


def _macro_f1(sums: Floats) -> Floats:
    hits, true, said = _thirds(sums)
    return _mean_where(2.0 * hits, true + said, true + said > 0)


def _mean_where(above: Floats, below: Floats, where: NDArray[np.bool_]) -> Floats:
    """The mean of above/below over the last axis, of the places that count."""
    ratios = np.divide(above, below, out=np.zeros_like(above), where=where)
    mean: Floats = ratios.sum(-1) / where.sum(-1)
    return mean


def _row_loss(boot: Bootstrap, answers: Answers) -> Floats:
    return boot.gather(np.stack([np.ones(len(answers)), answers.losses], 1))


ACCURACY = Measure(name="accuracy", parts=_right, of_sums=_mean, share=True)
"""Share of rows whose likeliest class is the true one."""

BALANCED_ACCURACY = Measure(name="balanced_accuracy", parts=_class_counts, of_sums=_balanced_accuracy)
"""Mean over classes of the share of their rows that is recognised."""

F1 = Measure(name="f1", parts=_class_counts, of_sums=_macro_f1)
"""Mean over classes of 2·tp/(2·tp + fp + fn); classes neither seen nor said are left out."""

LOG_LOSS = Measure(name="log_loss", parts=_row_loss, of_sums=_mean, higher_is_better=False)
"""Mean of −log of the probability given to the true class, in nats."""


# --- regress ------------------------------------------------------------------------------------


def _squares(truth: Floats, predicted: Floats, boot: Bootstrap) -> Floats:
    """(units, 1 + 3 · targets): rows, Σy, Σy², Σ(y − ŷ)², with y shifted and scaled to keep its digits."""
    scale = np.where(truth.std(0) > 0, truth.std(0), 1.0)
    y, error = (truth - truth.mean(0)) / scale, (truth - predicted) / scale
    return boot.gather(np.concatenate([np.ones((len(y), 1)), y, y**2, error**2], 1))


def _r2(sums: Floats) -> Floats:
    rows, (y, squares, errors) = sums[..., :1], _thirds(sums[..., 1:])
    variation = squares - y**2 / rows
    explained = 1.0 - np.divide(errors, variation, out=np.full_like(errors, np.nan), where=variation > 0)
    mean: Floats = explained.mean(-1)
    return mean


def _unit_squares(boot: Bootstrap, answers: Answers) -> Floats:
    return _squares(answers.values_true, answers.values, boot)


def _log_squares(boot: Bootstrap, answers: Answers) -> Floats:
    return _squares(answers.target.astype(np.float64), answers.outputs.astype(np.float64), boot)


def _errors(boot: Bootstrap, answers: Answers) -> Floats:
    error = answers.values - answers.values_true
    return boot.gather(np.concatenate([np.ones((len(error), 1)), error**2], 1))


def _rmse(sums: Floats) -> Floats:
    mean: Floats = np.sqrt(sums[..., 1:] / sums[..., :1]).mean(-1)
    return mean


def _absolute(boot: Bootstrap, answers: Answers) -> Floats:
    error = np.abs(answers.values - answers.values_true).mean(1)
    return boot.gather(np.stack([np.ones(len(error)), error], 1))


R2 = Measure(name="r2", parts=_unit_squares, of_sums=_r2)
"""Share of the variance explained, in the units of the target; mean over targets."""

R2_LOG = Measure(name="r2_log", parts=_log_squares, of_sums=_r2)
"""Share of the variance of log(y) explained, where the logarithm is what is learned."""

RMSE = Measure(name="rmse", parts=_errors, of_sums=_rmse, higher_is_better=False)
"""Root of the mean squared error, in the units of the target; mean over targets."""

MAE = Measure(name="mae", parts=_absolute, of_sums=_mean, higher_is_better=False)
"""Mean absolute error, in the units of the target."""


# --- multi-label --------------------------------------------------------------------------------


def _label_counts(boot: Bootstrap, answers: Answers) -> Floats:
    said, true = answers.labels, answers.labels_true
    return boot.gather(np.concatenate([said & true, true, said], 1))


def _label_f1(sums: Floats) -> Floats:
    hits, true, said = _thirds(sums)
    each = np.divide(2.0 * hits, true + said, out=np.zeros_like(hits), where=true + said > 0)
    mean: Floats = each.mean(-1)
    return mean


def _all_right(boot: Bootstrap, answers: Answers) -> Floats:
    right = (answers.labels == answers.labels_true).all(1)
    return boot.gather(np.stack([np.ones(len(right)), right], 1))


def label_f1(label: int, name: str) -> Measure:
    """F1 of one label alone."""

    def counts(boot: Bootstrap, answers: Answers) -> Floats:
        said, true = answers.labels[:, [label]], answers.labels_true[:, [label]]
        return boot.gather(np.concatenate([said & true, true, said], 1))

    return Measure(name=f"f1: {name}", parts=counts, of_sums=_label_f1)


LABEL_F1 = Measure(name="f1", parts=_label_counts, of_sums=_label_f1)
"""Mean over labels of 2·tp/(2·tp + fp + fn); a label neither seen nor said gives 0."""

EXACT_MATCH = Measure(name="exact_match", parts=_all_right, of_sums=_mean, share=True)
"""Share of rows with every label right."""

LABEL_LOG_LOSS = Measure(name="log_loss", parts=_row_loss, of_sums=_mean, higher_is_better=False)
"""Mean of −log of the probability given to the truth of a label, in nats."""
