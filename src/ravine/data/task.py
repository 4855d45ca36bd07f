"""What is to be learned: classes, numbers, or several labels at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData


class Kind(StrEnum):
    """The three kinds of task, as on the command line."""

    CLASSIFY = "classify"
    REGRESS = "regress"
    MULTI_LABEL = "multi-label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task with what is needed to encode targets and to read outputs.

    Attributes:
        kind: classify, regress or multi-label.
        classes: Labels as text, in the order of the outputs; empty for regression.
        targets: Names of the target columns (one for classify).
        log: Regression learns log(y) (all y positive, spread over orders of magnitude).
        mean, std: Of the (transformed) training targets, one per target; the network learns
            (y − mean) / std. Empty unless regression.
        reason: Why this kind was inferred, for people.
    """

    kind: Kind
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("target",)
    log: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    reason: str = ""

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a row."""
        return len(self.targets) if self.kind is Kind.REGRESS else len(self.classes)

    @property
    def metric(self) -> str:
        """The metric that training watches: "accuracy", "r2" or "f1" (macro)."""
        return {Kind.CLASSIFY: "accuracy", Kind.REGRESS: "r2", Kind.MULTI_LABEL: "f1"}[self.kind]

    def to_json(self) -> dict[str, Any]:
        """This task in JSON's own types."""
        return {**asdict(self), "kind": self.kind.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Task:
        """The task that `to_json` wrote."""
        tuples = {name: tuple(value[name]) for name in ("classes", "targets", "mean", "std")}
        return cls(**{**value, **tuples, "kind": Kind(value["kind"])})


def fit_target(task: Task, targets: NDArray[Any], train_rows: NDArray[np.integer[Any]]) -> Task:
    """`task` with mean and standard deviation of the (log) targets, measured on training rows alone.

    A task without numbers is returned as it is. A target that happens to be the same in all
    training rows keeps the scale 1.
    """
    if task.kind is not Kind.REGRESS:
        return task
    values = _transformed(task, targets)[train_rows]
    std = values.std(axis=0)
    return replace(
        task,
        mean=tuple(float(number) for number in values.mean(axis=0)),
        std=tuple(float(number) if number > 0 else 1.0 for number in std),
    )


def encode_targets(task: Task, targets: NDArray[Any]) -> NDArray[Any]:
    """What the network is to give: the targets as the loss wants them.

    Returns:
        classify: class numbers, int64 (rows,); multi-label: 0 or 1, float32 (rows, labels);
        regress: (log) targets less mean by std, float32 (rows, targets).

    Raises:
        BadData: A class that the task does not know, or text where numbers are learned.
    """
    targets = np.asarray(targets)
    if task.kind is Kind.REGRESS:
        values = _transformed(task, targets)
        if task.mean:
            values = (values - np.array(task.mean)) / np.array(task.std)
        return values.astype(np.float32)
    if task.kind is Kind.MULTI_LABEL:
        if targets.ndim != 2 or targets.shape[1] != len(task.classes):
            raise BadData(f"targets must have {len(task.classes)} columns of 0 and 1; got the shape {targets.shape}.")
        return targets.astype(np.float32)
    if targets.ndim == 2 and targets.shape[1] == len(task.classes) > 1:
        return np.asarray(targets.argmax(axis=1), dtype=np.int64)
    return _class_numbers(task, targets.reshape(len(targets)))


def decode_values(task: Task, outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Regression outputs, (rows, targets) or (rows,), in the user's units: × std, + mean, exp when log."""
    values = np.asarray(outputs, dtype=np.float64)
    if task.mean:
        one = values.ndim == 1 and len(task.mean) == 1
        values = values * (task.std[0] if one else np.array(task.std)) + (task.mean[0] if one else np.array(task.mean))
    return np.exp(values) if task.log else values


def label_texts(targets: NDArray[Any]) -> NDArray[np.str_]:
    """Class labels as people write them: 3 and 3.0 are "3", true is "true"; text is itself.

    >>> label_texts(np.array([1.0, 2.5])).tolist(), label_texts(np.array([True])).tolist()
    (['1', '2.5'], ['true'])
    """
    targets = np.asarray(targets)
    if targets.dtype.kind in "biuf":
        values, places = np.unique(targets, return_inverse=True)
        return np.array([_label(value) for value in values.tolist()], dtype=np.str_)[places.reshape(targets.shape)]
    if targets.dtype.kind == "U":
        return targets
    return np.array([_label(value) for value in targets.tolist()], dtype=np.str_)


def distinct_labels(targets: NDArray[Any]) -> tuple[str, ...]:
    """The different labels, numbers in numerical order and text in alphabetical order.

    >>> distinct_labels(np.array(["10", "9", "9"])), distinct_labels(np.array(["b", "10"]))
    (('9', '10'), ('10', 'b'))
    """
    labels = [str(label) for label in np.unique(label_texts(targets))]
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(labels)


def as_numbers(targets: NDArray[Any]) -> NDArray[np.float64] | None:
    """The targets as float64; None when some of them is text that spells no number."""
    try:
        return np.asarray(targets).astype(np.float64)
    except (TypeError, ValueError):
        return None


def missing_entries(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a target is missing: NaN, None or empty text. Same shape as `targets`."""
    targets = np.asarray(targets)
    if targets.dtype.kind == "f":
        return np.asarray(np.isnan(targets), dtype=np.bool_)
    if targets.dtype.kind in "biu":
        return np.zeros(targets.shape, dtype=np.bool_)
    if targets.dtype.kind == "U":
        blank: NDArray[np.bool_] = np.char.strip(targets) == ""
        return blank
    flat = [value is None or value != value or (isinstance(value, str) and not value.strip()) for value in targets.flat]
    return np.array(flat, dtype=np.bool_).reshape(targets.shape)


def _transformed(task: Task, targets: NDArray[Any]) -> NDArray[np.float64]:
    numbers = as_numbers(targets)
    if numbers is None:
        raise BadData(
            f"the target {', '.join(task.targets)} must hold numbers; got text such as {str(targets.flat[0])!r}."
        )
    values = numbers.reshape(len(numbers), -1)
    if values.shape[1] != len(task.targets):
        raise BadData(f"targets must have {len(task.targets)} columns; got {values.shape[1]}.")
    if not task.log:
        return values
    if (values <= 0).any():
        raise BadData(
            f"the model learned log({', '.join(task.targets)}), so targets must be above 0; got {values.min():g}."
        )
    return np.log(values)


def _class_numbers(task: Task, targets: NDArray[Any]) -> NDArray[np.int64]:
    known = {label: number for number, label in enumerate(task.classes)}
    labels, places = np.unique(label_texts(targets), return_inverse=True)
    unknown = [str(label) for label in labels if label not in known]
    if unknown:
        some = ", ".join(repr(label) for label in unknown[:5]) + (" …" if len(unknown) > 5 else "")
        raise BadData(
            f"the target {', '.join(task.targets)} holds classes the model does not know: {some}. "
            f"It knows {', '.join(repr(label) for label in task.classes[:10])}{' …' if len(task.classes) > 10 else ''}."
        )
    numbers = np.array([known[str(label)] for label in labels], dtype=np.int64)
    return numbers[places.reshape(targets.shape)]


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
