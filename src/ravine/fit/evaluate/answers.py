"""What a network (or a baseline) said about rows, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.data.task import Kind, Task, decode_values
from ravine.fit.intervals import Floats


@dataclass(frozen=True)
class Answers:
    """Outputs and encoded targets of the same rows, read in every way a metric needs.

    Attributes:
        task: What is learned.
        outputs: (rows, outputs): logits, or standardised values.
        target: Class numbers (rows,), standardised values (rows, targets), or 0/1 (rows, labels).
    """

    task: Task
    outputs: NDArray[np.floating]
    target: NDArray[np.generic]

    def __post_init__(self) -> None:
        rows, columns = self.outputs.shape
        expected = (rows,) if self.task.kind is Kind.CLASSIFY else (rows, columns)
        if self.target.shape != expected or columns != self.task.outputs:
            raise BadData(
                f"evaluate: outputs must be (rows, {self.task.outputs}) for targets of as many rows; "
                f"got outputs {self.outputs.shape} and targets {self.target.shape}."
            )

    def __len__(self) -> int:
        return len(self.outputs)

    def __getitem__(self, rows: NDArray[np.int64]) -> Answers:
        return Answers(self.task, self.outputs[rows], self.target[rows])

    @cached_property
    def classes_true(self) -> NDArray[np.int64]:
        """True class numbers, (rows,)."""
        return self.target.astype(np.int64)

    @cached_property
    def choice(self) -> NDArray[np.int64]:
        """Likeliest class numbers, (rows,)."""
        choice: NDArray[np.int64] = self.outputs.argmax(1)
        return choice

    @cached_property
    def probabilities(self) -> Floats:
        """Of each class, rows summing to 1; or of each label: (rows, outputs)."""
        return np.exp(self._log_probabilities) if self.task.kind is Kind.CLASSIFY else sigmoid(self.outputs)

    @cached_property
    def labels(self) -> NDArray[np.bool_]:
        """Labels said to be there, (rows, labels)."""
        return self.outputs > 0

    @cached_property
    def labels_true(self) -> NDArray[np.bool_]:
        """Labels that are there, (rows, labels)."""
        return self.target.astype(np.float64) > 0.5

    @cached_property
    def values(self) -> Floats:
        """Predicted values in the units of the targets, (rows, targets)."""
        with np.errstate(over="ignore"):
            return decode_values(self.task, self.outputs)

    @cached_property
    def values_true(self) -> Floats:
        """True values in their units, (rows, targets)."""
        return decode_values(self.task, self.target)

    @cached_property
    def losses(self) -> Floats:
        """The loss of each row, (rows,): nats, or squared error of standardised values."""
        if self.task.kind is Kind.CLASSIFY:
            losses: Floats = -np.take_along_axis(self._log_probabilities, self.classes_true[:, None], 1)[:, 0]
        elif self.task.kind is Kind.REGRESS:
            losses = ((self.outputs.astype(np.float64) - self.target.astype(np.float64)) ** 2).mean(1)
        else:
            signed = np.where(self.labels_true, self.outputs, -self.outputs).astype(np.float64)
            losses = np.logaddexp(0.0, -signed).mean(1)
        return losses

    @cached_property
    def _log_probabilities(self) -> Floats:
        from scipy.special import log_softmax

        logs: Floats = log_softmax(self.outputs.astype(np.float64), axis=1)
        return logs


def sigmoid(outputs: NDArray[np.floating]) -> Floats:
    """1/(1 + e^−z), in float64."""
    from scipy.special import expit

    return np.asarray(expit(outputs.astype(np.float64)))
