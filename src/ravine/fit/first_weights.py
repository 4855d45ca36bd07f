"""First weights that are chosen by looking at rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ravine.data.task import Kind, Task
from ravine.initialize import find_head, lsuv, output_bias

ROWS = 256
"""Rows that are looked at: a variance is then known to a tenth."""


def scaled_by_data(network: nn.Module, choice: str, fields: Sequence[Tensor], train: NDArray[Any]) -> str:
    """Scale the layers of `network` to unit variance on training rows, where the recipe asks for it.

    Args:
        network: Takes raw fields; changed in place.
        choice: `model.initialization` of the recipe.
        fields: Of all rows.
        train: Places of the training rows.

    Returns: What was done, for people, with "; " behind it; empty when nothing was.
    """
    if choice != "lsuv":
        return ""
    rows = torch.from_numpy(train[:ROWS])
    done = lsuv(network, tuple(field[rows] for field in fields), generator=torch.Generator().manual_seed(0))
    return f"{len(done.layers)} layers scaled to variance 1 on {len(rows)} training rows; "


def start_at_average(body: nn.Module, task: Task, encoded: NDArray[Any]) -> str:
    """Give the head the bias that answers what is true on average.

    Args:
        body: The network; changed in place, where its head is found.
        task: What is learned.
        encoded: Targets of the training rows, as the loss takes them.

    Returns: What was done, for people.
    """
    head = find_head(body, task.outputs)
    average = torch.from_numpy(encoded)
    match task.kind:
        case Kind.CLASSIFY:
            return output_bias(head, class_frequencies=torch.bincount(average, minlength=task.outputs).double())
        case Kind.MULTI_LABEL:
            return output_bias(head, label_frequencies=average.double().mean(0))
        case _:
            return output_bias(head, target_mean=average.double().mean(0))


def loss_of_a_guess(task: Task) -> float:
    """About the loss of a network that knows nothing: ln C of C classes, ln 2 a label, the variance of the targets."""
    match task.kind:
        case Kind.CLASSIFY:
            return math.log(max(task.outputs, 2))
        case Kind.MULTI_LABEL:
            return math.log(2)
        case _:
            return 1.0  # they are standardised
