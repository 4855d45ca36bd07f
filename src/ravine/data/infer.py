"""Which task a target poses: classes, numbers, or several labels at once."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData, BadValue, refusal
from ravine.data.raw import Images, Raw
from ravine.data.task import Kind, Task, as_numbers, distinct_labels, label_texts, missing_entries

FEW_VALUES = 20
"""A number with no more different values than this may be a class."""

MOST_PICTURE_CLASSES = 1000
"""Whole numbers 0 … k − 1 beside pictures are classes up to this k: nobody regresses a row of labels."""

LOG_DECADES = 1.5
"""Positive targets spread over more powers of ten than this, with a long right tail, are learned as logarithms."""

LOG_SKEW = 1.0
"""The least skewness of such a tail; the exponential distribution has 2, the normal 0."""


def infer_task(raw: Raw, *, override: str = "auto", log_target: bool | Literal["auto"] = "auto") -> Task:
    """The task that the targets of `raw` pose, with the reason in a sentence.

    Text and booleans are classes; numbers are classes when they are whole and take few
    different values, else quantities; a matrix of 0 and 1 is several labels at once, unless
    each row has exactly one 1, which spells one class; any other matrix is several quantities.

    Args:
        raw: The data set; `raw.targets` of shape (rows,) or (rows, k).
        override: "auto", or the kind that the user wants: "classify", "regress", "multi-label".
        log_target: Whether a regression learns log(y); "auto" decides by the spread of y.

    Returns:
        The task; `mean` and `std` are left empty, `fit_target` measures them on training rows.

    Raises:
        BadData: Targets that nothing can be learned from: none, missing, infinite, of a single
            value, as many classes as rows, or unfit for the kind asked for.
        BadValue: An unknown kind, or `log_target` where there is no regression.
    """
    kinds = [kind.value for kind in Kind]
    if override != "auto" and override not in kinds:
        raise BadValue(refusal("ravine fit", "task", f"be auto, {', '.join(kinds)}", override))
    targets = checked_targets(raw)
    kind, reason = _kind(raw, targets) if override == "auto" else (Kind(override), f"asked for with --task {override}")
    if kind is Kind.CLASSIFY:
        task = _classes(raw, targets, reason)
    elif kind is Kind.MULTI_LABEL:
        task = _labels(raw, targets, reason)
    else:
        task = _quantities(raw, targets, reason, log_target)
    if log_target is True and kind is not Kind.REGRESS:
        raise BadValue(
            refusal(
                "ravine fit", "log_target", f"be auto or false for the task {kind.value}", True, "Or --task regress."
            )
        )
    return task


def checked_targets(raw: Raw) -> NDArray[Any]:
    """The targets, (rows,) or (rows, k ≥ 2), whole and finite; or what is wrong with them."""
    if raw.targets is None:
        raise BadData(f"{raw.name}: has no target to learn. Name the column with --target.")
    if len(raw) == 0:
        raise BadData(f"{raw.name}: has no rows.")
    targets = np.asarray(raw.targets)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim not in (1, 2) or len(targets) != len(raw):
        raise BadData(
            f"{raw.name}: targets must have the shape (rows,) or (rows, k) with {len(raw)} rows; got {targets.shape}."
        )
    if targets.dtype.kind in "mMcV":
        raise BadData(
            f"{raw.name}: the target {_called(raw)} holds {targets.dtype} values, which are neither classes nor "
            "plain numbers. Turn it into a number (days since a start, say) first."
        )
    missing = missing_entries(targets)
    if missing.any():
        rows = np.flatnonzero(missing if missing.ndim == 1 else missing.any(axis=1))
        raise BadData(
            f"{raw.name}: the target {_called(raw)} is missing (NaN or empty) in {len(rows):,} of {len(raw):,} rows, "
            f"first in {_quoted_ids(raw, rows)}. Remove these rows or fill in the target."
        )
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        bad = ~np.isfinite(targets)
        rows = np.flatnonzero(bad if bad.ndim == 1 else bad.any(axis=1))
        raise BadData(
            f"{raw.name}: the target {_called(raw)} is infinite in {len(rows):,} of {len(raw):,} rows, "
            f"first in {_quoted_ids(raw, rows)}. Remove these rows or correct the target."
        )
    return targets


def _kind(raw: Raw, targets: NDArray[Any]) -> tuple[Kind, str]:
    if targets.ndim == 2:
        return _kind_of_matrix(targets)
    name = _called(raw)
    if targets.dtype.kind == "b":
        return Kind.CLASSIFY, f"{name} is true or false"
    if targets.dtype.kind not in "iuf":
        return Kind.CLASSIFY, f"{name} is text with {len(np.unique(label_texts(targets)))} different values"
    distinct = np.unique(targets)
    many = f"{len(distinct):,} different values"
    if len(distinct) == 2:
        return Kind.CLASSIFY, f"{name} takes two values, {distinct[0]:g} and {distinct[1]:g}"
    if not (distinct == np.floor(distinct)).all():
        return Kind.REGRESS, f"{name} is a number with fractions, {many}"
    if len(distinct) <= FEW_VALUES and len(distinct) * 5 <= len(targets):
        return Kind.CLASSIFY, f"{name} takes only {len(distinct)} different whole values (--task regress overrules)"
    if isinstance(raw.inputs, Images) and _numbers_classes(distinct):
        return Kind.CLASSIFY, f"{name} numbers the pictures' classes from 0 to {len(distinct) - 1}"
    return Kind.REGRESS, f"{name} is a number with {many}"


def _kind_of_matrix(targets: NDArray[Any]) -> tuple[Kind, str]:
    columns = targets.shape[1]
    if targets.dtype.kind not in "biuf":
        return Kind.MULTI_LABEL, f"the target has {columns} columns"
    if not np.isin(targets, (0, 1)).all():
        return Kind.REGRESS, f"the target has {columns} columns of numbers"
    if (targets.sum(axis=1) == 1).all():
        return Kind.CLASSIFY, f"each row has exactly one 1 in its {columns} target columns"
    return Kind.MULTI_LABEL, f"the target has {columns} columns of 0 and 1"


def _numbers_classes(distinct: NDArray[Any]) -> bool:
    return len(distinct) <= MOST_PICTURE_CLASSES and distinct[0] == 0 and distinct[-1] == len(distinct) - 1


def _classes(raw: Raw, targets: NDArray[Any], reason: str) -> Task:
    if targets.ndim == 2:
        if (
            targets.dtype.kind not in "biuf"
            or not ((targets == 0) | (targets == 1)).all()
            or (targets.sum(axis=1) != 1).any()
        ):
            raise BadData(
                f"{raw.name}: classify needs one target column, or columns with exactly one 1 a row; got "
                f"{targets.shape[1]} columns of other values. Name one with --target, or use another --task."
            )
        return Task(kind=Kind.CLASSIFY, classes=raw.target_names, targets=("class",), reason=reason)
    classes = distinct_labels(targets)
    _refuse_single(raw, classes)
    rows = len(targets)
    if targets.dtype.kind == "f" and len(classes) > FEW_VALUES and (targets != np.floor(targets)).any():
        raise BadData(
            f"{raw.name}: the target {_called(raw)} holds {len(classes):,} different numbers with fractions, such as "
            f"{targets[0]:g}: a quantity, not classes. Use --task regress."
        )
    if len(classes) * 2 > rows and not (rows < 10 and len(classes) == 2):
        remedy = (
            "Use --task regress." if targets.dtype.kind in "iuf" else "Name a column whose values repeat with --target."
        )
        raise BadData(
            f"{raw.name}: the target {_called(raw)} has {len(classes):,} classes in {rows:,} rows: too few rows "
            f"a class to learn from. {remedy}"
        )
    return Task(kind=Kind.CLASSIFY, classes=classes, targets=raw.target_names, reason=reason)


def _labels(raw: Raw, targets: NDArray[Any], reason: str) -> Task:
    if targets.ndim == 1 or targets.dtype.kind not in "biuf" or not ((targets == 0) | (targets == 1)).all():
        raise BadData(
            f"{raw.name}: multi-label needs two or more target columns of 0 and 1; got "
            f"{'one column' if targets.ndim == 1 else 'other values'}, such as {_example(targets)}. "
            "Name the columns with --target."
        )
    if (targets == targets[0]).all():
        raise BadData(f"{raw.name}: every row has the same labels; there is nothing to learn.")
    return Task(kind=Kind.MULTI_LABEL, classes=raw.target_names, targets=raw.target_names, reason=reason)


def _quantities(raw: Raw, targets: NDArray[Any], reason: str, log_target: bool | Literal["auto"]) -> Task:
    numbers = as_numbers(targets)
    if numbers is None:
        raise BadData(
            f"{raw.name}: regress needs numbers; the target {_called(raw)} holds text such as "
            f"{_not_a_number(targets)}. Use --task classify, or mend the column."
        )
    values = numbers.reshape(len(numbers), -1)
    for name, column in zip(raw.target_names, values.T, strict=False):
        if (column == column[0]).all():
            raise BadData(
                f"{raw.name}: the target {name!r} has the single value {column[0]:g} in all {len(column):,} rows; "
                "there is nothing to learn. Choose another --target."
            )
    if log_target is True and values.min() <= 0:
        row = int(np.argmin(values.min(axis=1)))
        raise BadData(
            f"{raw.name}: log_target needs targets above 0; got {values.min():g} in "
            f"{_quoted_ids(raw, np.array([row]))}. Leave log_target at auto."
        )
    log = all(_spans_decades(column) for column in values.T) if log_target == "auto" else bool(log_target)
    if log and log_target == "auto":
        reason += "; it is positive and spans orders of magnitude, so its logarithm is learned"
    return Task(kind=Kind.REGRESS, targets=raw.target_names, log=log, reason=reason)


def _spans_decades(column: NDArray[np.float64]) -> bool:
    """Whether y is positive with a long right tail over several powers of ten, and log(y) is the more even one."""
    if column.min() <= 0:
        return False
    low, high = np.quantile(column, [0.001, 0.999])
    if np.log10(high / low) < LOG_DECADES:
        return False
    skew = _skewness(column)
    return skew >= LOG_SKEW and abs(_skewness(np.log(column))) < skew


def _skewness(values: NDArray[np.float64]) -> float:
    centred = (values - values.mean()) / max(float(values.std()), np.finfo(np.float64).tiny)
    return float((centred**3).mean())


def _refuse_single(raw: Raw, classes: tuple[str, ...]) -> None:
    if len(classes) == 1:
        raise BadData(
            f"{raw.name}: the target {_called(raw)} has the single value {classes[0]!r} in all {len(raw):,} rows; "
            "there is nothing to learn. Choose another --target."
        )


def _called(raw: Raw) -> str:
    return ", ".join(repr(name) for name in raw.target_names[:3]) + (" …" if len(raw.target_names) > 3 else "")


def _quoted_ids(raw: Raw, rows: NDArray[Any], most: int = 3) -> str:
    names = ", ".join(str(raw.ids[row]) for row in rows[:most])
    return f"row {names}" if len(rows) == 1 else f"rows {names}"


def _example(targets: NDArray[Any]) -> str:
    flat = targets.ravel()
    if targets.dtype.kind in "biuf":
        odd = flat[(flat != 0) & (flat != 1)]
        return f"{odd[0] if len(odd) else flat[0]}"
    return repr(str(flat[0]))


def _not_a_number(targets: NDArray[Any]) -> str:
    for value in targets.ravel():
        try:
            float(value)
        except (TypeError, ValueError):
            return repr(str(value))
    return repr(str(targets.ravel()[0]))
