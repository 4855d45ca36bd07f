"""A finished model: raw rows in, answers that a person can read out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.core.intervals import Interval
from ravine.data.prepare import Preparation
from ravine.data.raw import Inputs, Raw
from ravine.data.task import Kind, Task, decode_values
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.calibration import temperature
from ravine.fit.evaluate.residuals import COVERAGE, half_widths
from ravine.fit.intervals import Floats
from ravine.fit.network import Network

BATCH_NUMBERS = 2**22
"""Numbers a batch of raw rows may have when no batch size is named."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says about rows, in their order.

    Attributes:
        task: What was learned.
        outputs: (rows, outputs): logits after calibration, or standardised values.
        probabilities: Of each class, (rows, classes), rows summing to 1; or of each label,
            (rows, labels); None for regression.
        values: In the units of the targets, (rows, targets); None unless regression.
        low, high: Ends of the interval that holds the truth nine times in ten, (rows, targets);
            None where no validation rows gave one.
    """

    task: Task
    outputs: NDArray[np.float32]
    probabilities: Floats | None = None
    values: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def labels(self) -> NDArray[np.str_]:
        """The likeliest class of each row, (rows,), as text; of several labels, those there, joined by ", "."""
        classes = np.array(self.task.classes, dtype=np.str_)
        if self.task.kind is Kind.CLASSIFY:
            likeliest: NDArray[np.str_] = classes[self.outputs.argmax(1)]
            return likeliest
        return np.array([", ".join(classes[row]) for row in self.outputs > 0], dtype=np.str_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network with everything that turns a person's rows into its inputs and its outputs into answers.

    Attributes:
        network: Raw fields → outputs.
        task: What was learned.
        preparation: Raw rows → raw fields.
        built: How the body is built again: "name", and what `ravine.models.build` is told by keyword.
        extra: What was measured on validation rows: "temperature" (classes and labels),
            "half_width" (regression, one per target, on the standardised scale), "coverage".
    """

    network: Network
    task: Task
    preparation: Preparation
    built: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes or labels in the order of the outputs; empty for regression."""
        return self.task.classes

    def predict(
        self, data: Any, *, batch_size: int | None = None, device: str | torch.device | None = None
    ) -> Predictions:
        """Answers for raw rows: a table, pictures or arrays like those the model was trained on.

        Args:
            data: The rows, as `ravine.fit` takes data: a file, a folder, a DataFrame, arrays; targets,
                if any, are not looked at.
            batch_size: Rows at a time; chosen from their size when not given.
            device: Where to compute; where the weights are when not given.

        Raises:
            BadData: No rows, other columns or sizes than the model knows.
        """
        from ravine.fit.predict import open_rows

        return self.read(self.outputs(open_rows(self, data), batch_size=batch_size, device=device))

    def outputs(
        self,
        data: Raw | Inputs,
        rows: NDArray[np.int64] | None = None,
        *,
        batch_size: int | None = None,
        device: str | torch.device | None = None,
    ) -> NDArray[np.float32]:
        """The network's own outputs, (rows, outputs), before calibration and units; of `rows` when given."""
        inputs = data.inputs if isinstance(data, Raw) else data
        chosen = np.arange(len(inputs), dtype=np.int64) if rows is None else rows
        if len(chosen) == 0:
            raise BadData("predict: there are no rows to predict.")
        if batch_size is not None:
            _AT_LEAST_ONE.check("predict", "batch_size", batch_size)
        home = self.network.device
        where = torch.device(device) if device is not None else home
        was_training = self.network.training
        self.network.to(where).eval()
        try:
            with torch.inference_mode():
                parts = [
                    self.network(*(field.to(where) for field in fields)).float().cpu()
                    for fields in self._batches(inputs, chosen, batch_size)
                ]
        finally:
            self.network.to(home).train(was_training)
        outputs: NDArray[np.float32] = torch.cat(parts).numpy()
        return outputs

    def read(self, outputs: NDArray[np.float32]) -> Predictions:
        """What the network's outputs, (rows, outputs), mean."""
        if self.task.kind is Kind.REGRESS:
            return self._values(outputs)
        calibrated = (outputs / self.extra.get("temperature", 1.0)).astype(np.float32)
        nobody = np.zeros(len(outputs)) if self.task.kind is Kind.CLASSIFY else np.zeros_like(outputs)
        return Predictions(self.task, calibrated, probabilities=Answers(self.task, calibrated, nobody).probabilities)

    def answers(self, outputs: NDArray[np.float32], target: NDArray[Any]) -> Answers:
        """The model's calibrated outputs beside encoded targets of the same rows."""
        return Answers(self.task, self.read(outputs).outputs, target)

    def _values(self, outputs: NDArray[np.float32]) -> Predictions:
        with np.errstate(over="ignore"):
            values = decode_values(self.task, outputs)
            half = self.extra.get("half_width")
            if half is None:
                return Predictions(self.task, outputs, values=values)
            wide = np.asarray(half, dtype=np.float64)
            low = decode_values(self.task, outputs - wide)
            high = decode_values(self.task, outputs + wide)
        return Predictions(self.task, outputs, values=values, low=low, high=high)

    def _batches(
        self, inputs: Inputs, rows: NDArray[np.int64], batch_size: int | None
    ) -> Iterator[tuple[torch.Tensor, ...]]:
        if batch_size is None:
            shape = self.preparation.shape
            numbers = shape.numeric + len(shape.cardinalities) + shape.channels * shape.height * shape.width
            batch_size = int(np.clip(BATCH_NUMBERS // max(1, numbers + shape.length * shape.features), 16, 4096))
        # Rows are prepared many batches at a time: reading a table has a price per call.
        for start in range(0, len(rows), batch_size * 8):
            fields = self.preparation.fields(inputs, rows[start : start + batch_size * 8])
            yield from zip(*(torch.split(column, batch_size) for column in fields), strict=True)


def calibrate(task: Task, outputs: NDArray[np.float32], target: NDArray[Any]) -> dict[str, Any]:
    """What validation rows teach about how sure to be: the `extra` of a model.

    Args:
        task: What was learned.
        outputs: Of the network on validation rows, (rows, outputs).
        target: Encoded targets of the same rows.

    Returns:
        {"temperature": T} for classes and labels; {"half_width": one per target, "coverage"}
        for regression, empty when there are too few rows.
    """
    answers = Answers(task, outputs, target)
    if task.kind is not Kind.REGRESS:
        return {"temperature": temperature(answers)}
    half = half_widths(answers)
    return {} if half is None else {"half_width": list(half), "coverage": COVERAGE}


_AT_LEAST_ONE = Interval(1)
