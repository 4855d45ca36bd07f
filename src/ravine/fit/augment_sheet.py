"""A contact sheet of an augmentation: originals in the first column, what becomes of them beside.

Each transform is shown alone, under its own words, and then all of them together as a training sees them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Generator, Tensor, nn

from ravine.core import ink
from ravine.core.errors import BadData
from ravine.core.intervals import Interval
from ravine.data.raw import Images, Raw
from ravine.regularize.augment import PRESETS, Pipeline
from ravine.regularize.augment.named import NAMED, chosen_transforms
from ravine.regularize.augment.rand_augment import RandAugment, space
from ravine.regularize.augment.transform import Transform

WIDTH = 1080
"""Of a sheet, in pixels: upright and with large letters, so that it can be read on a telephone."""

ROWS = Interval(1, 20)

_COLUMNS = 7  # the original and six beside it
_MARGIN, _GAP, _HEAD, _LABEL, _BAND = 40, 12, 178, 30, 78
_CELL = (WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) // _COLUMNS


class Column(NamedTuple):
    """One column of a sheet: what stands above it, and what is done to the pictures."""

    words: str
    change: nn.Module


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures and what is done to them.

    Attributes:
        name: Of the data.
        augment: A preset, or names of `NAMED`.
        pixels: uint8, (rows, height, width, channels).
        labels: What each row shows.
        seed: Of every draw.
    """

    name: str
    augment: str | Sequence[str]
    pixels: NDArray[np.uint8]
    labels: tuple[str, ...]
    seed: int = 0

    @classmethod
    def of(cls, raw: Raw, augment: str | Sequence[str] = "standard", *, rows: int = 4, seed: int = 0) -> Sheet:
        """The sheet of a few pictures of `raw`, drawn by `seed`, of different classes where there are as many.

        Raises:
            BadData: The data are no pictures.
            BadValue: Rows out of bounds; an unknown augmentation.
        """
        ROWS.check("show-augment", "rows", rows)
        if not isinstance(raw.inputs, Images):
            raise BadData(f"show-augment: {raw.name} has no pictures. Give digits, or a folder of pictures.")
        _module(augment, 1, 1)
        picked = _some(raw, rows, seed)
        labels = tuple(str(raw.targets[row]) if raw.targets is not None else "" for row in picked)
        return cls(raw.name, augment, np.ascontiguousarray(raw.inputs.pixels[picked]), labels, seed)

    def drawn(self) -> Image.Image:
        """The sheet."""
        images = torch.from_numpy(self.pixels).permute(0, 3, 1, 2)
        bands = list(self._bands())
        height = _HEAD + len(bands) * (_BAND + len(self.pixels) * (_CELL + _LABEL)) + _MARGIN
        paper = Image.new("RGB", (WIDTH, height), ink.PAPER)
        draw = ImageDraw.Draw(paper)
        title = self.augment if isinstance(self.augment, str) else ", ".join(self.augment)
        _line(draw, (_MARGIN, 82), title, 52, ink.INK)
        height_, width, channels = self.pixels.shape[1:]
        colors = "grey" if channels == 1 else "colour"
        told = f"{self.name}, {height_} by {width} pixels, {colors}; seed {self.seed}"
        _line(draw, (_MARGIN, 132), told, 28, ink.SOFT)
        top = _HEAD
        for band in bands:
            for place, column in enumerate(band):
                self._column(paper, draw, images, column, _MARGIN + place * (_CELL + _GAP), top, first=place == 0)
            top += _BAND + len(self.pixels) * (_CELL + _LABEL)
        return paper

    def _column(
        self, paper: Image.Image, draw: ImageDraw.ImageDraw, images: Tensor, column: Column, left: int, top: int,
        *, first: bool,
    ) -> None:  # fmt: skip
        _heading(draw, left, top + _BAND - 12, column.words)
        for row, pixels in enumerate(column.change(images)):
            y = top + _BAND + row * (_CELL + _LABEL)
            paper.paste(_picture(pixels), (left, y))
            if first:
                _line(draw, (left, y + _CELL + 22), _shortened(self.labels[row], 20, _CELL), 20, ink.SOFT)

    def _bands(self) -> Iterator[list[Column]]:
        """Columns, so many as fit beside each other; each band begins with the originals."""
        height, width, channels = self.pixels.shape[1:]
        module = _module(self.augment, height, width)
        chance = Generator().manual_seed(self.seed)
        single = [one for one in _transforms(module) if not one.idle and (channels == 3 or not one.colored)]
        alone = [Column(one.words, Pipeline([_always(one)], chance)) for one in single]
        module.chance.generator = chance
        name = "all of them" if isinstance(module, Pipeline) else f"{module.n} at random"
        together = [Column(name, module)] * (_COLUMNS - 1)
        original = Column("original", nn.Identity())
        for first in range(0, len(alone), _COLUMNS - 1):
            yield [original, *alone[first : first + _COLUMNS - 1]]
        yield [original, *together]


def _module(augment: str | Sequence[str], height: int, width: int) -> Pipeline | RandAugment:
    if isinstance(augment, str):
        return PRESETS[augment].make(height, width, False, None)
    return chosen_transforms(augment, height, width)


def _transforms(module: Pipeline | RandAugment) -> list[Transform]:
    if isinstance(module, RandAugment):
        return space(module.m)
    return [one for one in module.transforms if isinstance(one, Transform)]


def _always(transform: Transform) -> Transform:
    """The same, done to every picture."""
    always = copy.copy(transform)
    always.p = 1.0
    return always


def _some(raw: Raw, rows: int, seed: int) -> NDArray[np.intp]:
    """Row numbers, drawn by `seed`; every further one of a class comes after one of each."""
    order = np.random.default_rng(seed).permutation(len(raw))
    if raw.targets is None or raw.targets.ndim > 1:
        return order[:rows]
    seen: dict[str, int] = {}
    turn = []
    for row in order[: 1000 * rows]:
        label = str(raw.targets[row])
        turn.append(seen.get(label, 0))
        seen[label] = turn[-1] + 1
    return order[np.argsort(turn, kind="stable")[:rows]]


def _picture(pixels: Tensor) -> Image.Image:
    """One picture, (channels, height, width), as large as a cell: small ones in whole blocks."""
    values = pixels.permute(1, 2, 0).numpy()
    image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values).convert("RGB")
    factor = _CELL / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BILINEAR)


def _heading(draw: ImageDraw.ImageDraw, left: int, bottom: int, words: str) -> None:
    """Words above a column, in as many lines as they need, the last at `bottom`; as small as they have to be."""
    for size in (20, 18, 16, 14):
        lines = _broken(words, size)
        if len(lines) * (size + 2) <= _BAND - 12:
            break
    for number, line in enumerate(reversed(lines)):
        _line(draw, (left, bottom - number * (size + 2)), line, size, ink.INK)


def _broken(words: str, size: int) -> list[str]:
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if ink.font(size).getlength(longer) > _CELL and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _shortened(text: str, size: int, width: float) -> str:
    short = text
    while ink.font(size).getlength(short) > width:
        short = short.removesuffix("…")[:-1] + "…"
    return short


def _line(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, color: ink.Color) -> None:
    draw.text(at, _shortened(text, size, WIDTH - _MARGIN - at[0]), fill=color, font=ink.font(size), anchor="ls")


def asked(text: str) -> str | list[str]:
    """What a person asks for by "standard" or "shift,flip": a preset, or names.

    Raises:
        BadValue: An unknown one.
    """
    if text in PRESETS:
        return text
    names = [name.strip() for name in text.split(",")]
    if len(names) == 1 and names[0] not in NAMED:
        PRESETS[text]
    for name in names:
        NAMED[name]
    return names
