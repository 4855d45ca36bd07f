"""First weights that are chosen by looking at rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ravine.initialize import lsuv

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
