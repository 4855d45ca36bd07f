"""What probes may need, and how it can be had."""

from __future__ import annotations

import math

from torch import Tensor

from ravine.check.answers import answer_of
from ravine.check.probe import Need
from ravine.check.subject import Subject

MANY = 96
"""Rows from which a short training on three quarters of them says something."""


def _rowwise(subject: Subject) -> bool:
    outputs = answer_of(subject.first.outputs)
    return isinstance(outputs, Tensor) and outputs.dim() > 0 and len(outputs) == subject.first.rows.count


FINITE = Need(
    lambda subject: math.isfinite(subject.first.loss),
    "the first loss is no finite number",
    "see what first-loss found",
)
APART = Need(
    lambda subject: subject.rows.apart,
    "the tensors of the batch do not have one entry for each example, first axis first",
    "give (inputs, target) whose tensors all begin with the axis of the examples",
)
ROWWISE = Need(
    _rowwise,
    "the model's output is no tensor with one entry for each example",
    "let the function return a model that gives one tensor, examples first",
)
ENOUGH = Need(
    lambda subject: subject.rows.count >= MANY,
    f"it takes at least {MANY} examples",
    "let the function return a Dataset, a DataLoader or larger tensors",
)
TRAINABLE = Need(
    lambda subject: subject.parameters > 0,
    "no parameter of the model can be trained",
    "set `requires_grad_(True)` on what is to learn",
)
