"""Pictures: one size, one colour mode, standardized by the statistics of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ravine.core.errors import BadData
from ravine.core.shapes import InputShape
from ravine.data.normalizers import ImageNormalizer
from ravine.data.prepare.base import Preparation, Rows, borrowed, refuse_kind
from ravine.data.raw import Images, Inputs

MOST_MEASURED = 200_000_000
"""Pixels to measure at most; of more, evenly spaced pictures are taken."""

_CHUNK = 2_000_000  # pixels summed at a time, so that memory stays small
_GREY = np.float32(127.5)
_MODES = {1: "grey", 3: "colour"}


@dataclass(frozen=True, slots=True)
class ImagePreparation(Preparation):
    """Size, channels, and mean and std of each channel on the scale 0 … 255."""

    kind: ClassVar[str] = "images"

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def learn(cls, inputs: Images, train_rows: Rows) -> ImagePreparation:
        """Measure the training pictures.

        Raises:
            BadData: All of them are one colour.
        """
        _, height, width, _ = inputs.pixels.shape
        mean, std = _moments(inputs.pixels, np.sort(train_rows))
        if (std == 0).all():
            raise BadData(
                f"all {len(train_rows):,} training pictures are one flat colour; there is nothing to learn from."
            )
        return cls(height, width, tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return len(self.mean)

    @property
    def shape(self) -> InputShape:
        """Channels, height, width."""
        return InputShape(form="image", channels=self.channels, height=self.height, width=self.width)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """None: pixels have no names."""
        return ()

    def fields(self, inputs: Inputs, rows: Rows | None = None) -> tuple[torch.Tensor, ...]:
        """Pixels, uint8 (rows, channels, height, width); of another size or mode they are converted."""
        if not isinstance(inputs, Images):
            raise refuse_kind("pictures", inputs)
        pixels = inputs.pixels if rows is None else inputs.pixels[rows]
        if pixels.shape[1:] != (self.height, self.width, self.channels):
            pixels = converted(pixels, self.height, self.width, self.channels)
        return (borrowed(pixels.transpose(0, 3, 1, 2)),)

    def notes(self, inputs: Inputs) -> list[str]:
        """Whether pictures are resized or change their colour mode."""
        if not isinstance(inputs, Images):
            raise refuse_kind("pictures", inputs)
        _, height, width, channels = inputs.pixels.shape
        notes = []
        if (height, width) != (self.height, self.width):
            notes.append(f"pictures of {height} × {width} are resized to {self.height} × {self.width}")
        if channels != self.channels:
            notes.append(f"{_MODES[channels]} pictures are turned into {_MODES[self.channels]}")
        return notes

    def normalizer(self) -> nn.Module:
        """uint8 → float, less mean, by std."""
        return ImageNormalizer(self.mean, self.std)

    def describe(self) -> list[str]:
        """Size and statistics."""
        mode = _MODES[self.channels]
        mean, std = (", ".join(f"{number:.1f}" for number in numbers) for numbers in (self.mean, self.std))
        return [
            f"pictures of {self.height} × {self.width} pixels, {mode}",
            f"each channel less its training mean ({mean} of 255), by its standard deviation ({std})",
        ]

    def _content(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def _of_content(cls, value: dict[str, Any]) -> ImagePreparation:
        return cls(value["height"], value["width"], tuple(value["mean"]), tuple(value["std"]))


def converted(pixels: NDArray[np.uint8], height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Pictures (rows, any height, any width, 1 or 3) in the size and mode asked for, uint8.

    Resized with a filter as wide as the shrinkage, so that fine patterns do not alias; grey is
    the luma of ITU-R 601, as Pillow computes it.
    """
    from PIL import Image

    out = np.empty((len(pixels), height, width, channels), dtype=np.uint8)
    for place, picture in enumerate(pixels):
        image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
        image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        out[place] = np.asarray(image).reshape(height, width, channels)
    return out


def _moments(pixels: NDArray[np.uint8], rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each channel, (channels,), in one pass and little memory."""
    size = int(np.prod(pixels.shape[1:]))
    rows = rows[:: max(1, -(-len(rows) * size // MOST_MEASURED))]
    channels = pixels.shape[-1]
    total, squares = np.zeros(channels), np.zeros(channels)
    low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
    step = max(1, _CHUNK // size)
    for start in range(0, len(rows), step):
        # About the middle grey, so that the squares do not cancel each other's digits.
        chunk = pixels[rows[start : start + step]].reshape(-1, channels).astype(np.float32) - _GREY
        for channel, values in enumerate(np.ascontiguousarray(chunk.T)):
            total[channel] += values.sum(dtype=np.float64)
            squares[channel] += float(values @ values)
            low[channel], high[channel] = min(low[channel], values.min()), max(high[channel], values.max())
    count = len(rows) * size / channels
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    return mean + _GREY, np.where(high > low, np.sqrt(variance), 0.0)
