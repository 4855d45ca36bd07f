"""The first layers of every network: from raw fields to standardized ones, statistics as buffers.

They live inside the model, so that it takes raw rows and no statistic can be forgotten. All are
pure arithmetic on buffers: they compile, export, copy and move like any other layer, and hold
no parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CLIP = 8.0
"""Standard deviations beyond which a number says nothing more than "far out"."""


class ImageNormalizer(nn.Module):
    """Pixels less the mean of their channel, by its standard deviation.

    Args:
        mean: Of each channel, on the scale 0 … 255.
        std: Of each channel, above 0.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        means, stds = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
        self.register_buffer("scale", (1 / stds).float().view(-1, 1, 1))
        self.register_buffer("shift", (-means / stds).float().view(-1, 1, 1))

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """Pixels (batch, channels, height, width), uint8 or float on the scale 0 … 255, to float of the same shape."""
        return (torch.addcmul(self.shift, pixels.to(self.scale.dtype), self.scale),)


class NumberNormalizer(nn.Module):
    """Numbers standardized and clipped, missing ones filled in and flagged.

    Steps, each for its own column: a long right tail is drawn in by sign(x)·ln(1 + |x|/tail);
    then less mean, by std, clipped to ±8; NaN becomes the (transformed) median; a column of 0
    and 1 is appended for each column in `flagged`, 1 where the number was missing.

    Args:
        mean, std, fill: Of the kept columns, after the tail is drawn in; `fill` is standardized.
        tail: Scale of the logarithm of each kept column, NaN where it is taken as it is.
        flagged: Which kept columns get an indicator, by position among them.
        kept: Which raw columns are kept, by position; None keeps all.
    """

    scale: Tensor
    shift: Tensor
    fill: Tensor
    tailed: Tensor
    inverse_tail: Tensor
    flagged: Tensor
    kept: Tensor

    def __init__(
        self,
        *,
        mean: NDArray[np.float64],
        std: NDArray[np.float64],
        fill: NDArray[np.float64],
        tail: NDArray[np.float64],
        flagged: Sequence[int],
        kept: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        tailed = ~np.isnan(tail)
        self.register_buffer("scale", torch.from_numpy(1 / std).float())
        self.register_buffer("shift", torch.from_numpy(-mean / std).float())
        self.register_buffer("fill", torch.from_numpy(fill).float())
        self.register_buffer("tailed", torch.from_numpy(tailed))
        self.register_buffer("inverse_tail", torch.from_numpy(1 / np.where(tailed, tail, 1.0)).float())
        self.register_buffer("flagged", torch.tensor(list(flagged), dtype=torch.int64))
        self.register_buffer("kept", torch.tensor([] if kept is None else list(kept), dtype=torch.int64))
        # Plain flags, so that a batch pays only for the steps its table needs.
        self._has_tails = bool(tailed.any())
        self._has_flags = len(flagged) > 0
        self._drops = kept is not None

    def forward(self, numbers: Tensor) -> tuple[Tensor, ...]:
        """Numbers (…, raw columns) with NaN where missing, to (…, kept + flagged columns)."""
        values = numbers.index_select(-1, self.kept) if self._drops else numbers
        absent = values.isnan()
        if self._has_tails:
            drawn_in = values.sign() * torch.log1p(values.abs() * self.inverse_tail)
            values = torch.where(self.tailed, drawn_in, values)
        values = torch.addcmul(self.shift, values, self.scale).clamp(-CLIP, CLIP)
        values = torch.where(absent, self.fill, values)
        if self._has_flags:
            values = torch.cat([values, absent.index_select(-1, self.flagged).to(values.dtype)], dim=-1)
        return (values,)


class TableNormalizer(nn.Module):
    """`NumberNormalizer` for the numbers of a table; category codes pass as they are."""

    def __init__(self, numbers: NumberNormalizer) -> None:
        super().__init__()
        self.numbers = numbers

    def forward(self, numbers: Tensor, codes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Numbers (batch, raw columns) and codes (batch, categories) int64, or None for no categories."""
        (values,) = self.numbers(numbers)
        if codes is None:
            codes = torch.zeros((numbers.shape[0], 0), dtype=torch.int64, device=numbers.device)
        return values, codes
