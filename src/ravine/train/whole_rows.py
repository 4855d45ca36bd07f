"""Batches without the rows that hold NaN or an infinity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ravine.data.batches import Batch, Batches


class WholeRows:
    """`batches`, each without its rows that hold a number that is none.

    Of a piece with no whole row one row of zeros stays, of no weight, so that the steps of an epoch
    are as many as before.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self.rows = batches.rows

    @property
    def batch_size(self) -> int:
        """Rows of one whole optimizer step, those left out counted."""
        return self._batches.batch_size

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, epoch: int, start: int = 0, replayed: Callable[[], object] | None = None) -> Iterator[Batch]:
        """See `Batches.epoch`."""
        for batch in self._batches.epoch(epoch, start, replayed):
            whole = whole_rows((*batch.inputs, batch.target))
            if whole is None or bool(whole.all()):
                yield batch
            elif bool(whole.any()):
                inputs = tuple(_taken(part, whole) for part in batch.inputs)
                yield batch._replace(inputs=inputs, target=_taken(batch.target, whole))
            else:
                inputs = tuple(_blank(part) for part in batch.inputs)
                yield batch._replace(inputs=inputs, target=_blank(batch.target), share=0.0)


def whole_rows(parts: tuple[Any, ...]) -> Tensor | None:
    """Which rows hold finite numbers alone, bool (rows,); None where no part is a floating-point tensor."""
    whole: Tensor | None = None
    for part in parts:
        if isinstance(part, Tensor) and part.is_floating_point() and part.ndim:
            here = torch.isfinite(part).flatten(1).all(1) if part.ndim > 1 else torch.isfinite(part)
            whole = here if whole is None else whole & here
    return whole


def _taken(part: Any, whole: Tensor) -> Any:
    return part[whole] if isinstance(part, Tensor) and part.ndim else part


def _blank(part: Any) -> Any:
    return torch.zeros_like(part[:1]) if isinstance(part, Tensor) and part.ndim else part
