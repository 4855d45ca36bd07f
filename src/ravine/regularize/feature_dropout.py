"""Swap noise: features of a table replaced by those of other rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import UNIT
from ravine.core.sources import Source
from ravine.regularize.technique import Acts, Technique


def feature_dropout(values: Tensor, dropped: Tensor, order: Tensor) -> Tensor:
    """Where `dropped`, the value of another row in the same column.

    What stands in for a feature is thus drawn from the feature's own distribution, so that it works for raw
    numbers of any unit, for missing ones and for codes of categories alike.

    Args:
        values: Any dtype, (batch, features). Not changed.
        dropped: bool (batch, features).
        order: int64 in [0, batch), (batch, features): the row whose value stands in.

    Returns: New values of the same shape and dtype.
    Source: Yoon et al. 2020, VIME, section 3.1 (values drawn from the column's empirical distribution).
    """
    if values.ndim != 2:
        raise BadValue(refusal("feature-dropout", "values", "have shape (batch, features)", tuple(values.shape)))
    return torch.where(dropped, values.gather(0, order), values)


@dataclass(frozen=True, slots=True)
class FeatureDropout:
    """`feature_dropout` of every value with probability `p`, on all fields of each training batch.

    Attributes:
        p: Probability of each value.
        generator: Source of chance, on the device of the fields; the global one when None.

    Source: Yoon et al. 2020 (VIME).
    """

    p: float = 0.1
    generator: Generator | None = None

    def __post_init__(self) -> None:
        UNIT.check("feature-dropout", "p", self.p)

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """Fields with some values of other rows; targets as they are."""
        return inputs if self.p == 0 else tuple(self._dropped(field) for field in inputs), target

    def _dropped(self, field: Tensor) -> Tensor:
        dropped = torch.rand(field.shape, device=field.device, generator=self.generator) < self.p
        order = torch.randint(len(field), field.shape, device=field.device, generator=self.generator)
        return feature_dropout(field, dropped, order)


FEATURE_DROPOUT = Technique(
    name="feature-dropout",
    make=FeatureDropout,
    main="p",
    acts=Acts.BATCH,
    formula="x ← x of a random row of the batch, with probability p, each feature on its own",
    source=Source(
        "Yoon et al.", 2020, "VIME: Extending the Success of Self- and Semi-supervised Learning to Tabular Domain"
    ),
)
