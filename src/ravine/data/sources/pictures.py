"""Picture files decoded into one array: any mix of formats, sizes and colour modes."""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.data.sources.notes import note, some, warning
from ravine.data.sources.options import MAX_SIDE
from ravine.data.sources.resize import fitted
from ravine.data.sources.room import memory_bytes, pixel_room
from ravine.records.finding import Finding

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".avif"),
)
"""Endings of the files taken for pictures."""

_MOST_PIXELS = 100_000_000
"""A picture that claims more is refused: it would fill memory (a decompression bomb)."""

_KEPT_PIXELS = 128 * 128
"""Pictures up to this size are decoded as they are seen; larger ones are only measured."""

_BLOCK = 64

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a file tells.

    Attributes:
        size: Height and width in pixels, upright.
        grey: Whether it has no colour.
        pixels: (height, width) or (height, width, 3) when it was small enough to keep.
        fault: Why it cannot be used; "" when it can.
    """

    size: tuple[int, int] = (0, 0)
    grey: bool = False
    pixels: NDArray[np.uint8] | None = None
    fault: str = ""


def read_pictures(
    paths: Sequence[Path], names: Sequence[str], owner: str, size: tuple[int, int] | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[Finding]]:
    """All pictures in one array, upright, in one size and mode.

    Pictures that are all grey have one channel, however they are saved; what is transparent lies on white. The
    size is the common one, or, of a mix, a square with the median of the shorter sides; at most
    224 pixels a side unless `size` says otherwise. A picture of another shape is scaled until it
    fills the square, and what sticks out is cut off evenly.

    Args:
        paths: The files.
        names: What they are called in findings.
        owner: The folder, for errors.
        size: Height and width wanted; None: chosen.

    Returns:
        pixels: uint8, (readable, height, width, 1 or 3).
        readable: (files,), False for those that were skipped.
        findings: Skipped files; a change of size.

    Raises:
        BadData: No file is readable, or the array finds no room.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool, _quiet():
        budget = memory_bytes() // 8 // _KEPT_PIXELS // 3
        keep = len(paths) <= budget
        seen = list(_in_blocks(pool, lambda path: _look(path, keep=keep), paths))
        good = [k for k, one in enumerate(seen) if not one.fault]
        if not good:
            raise BadData(_all_unreadable(owner, names, seen))
        findings: list[Finding] = []
        height, width = size or _chosen_size([seen[k].size for k in good])
        channels = 1 if all(seen[k].grey for k in good) else 3
        pixels = pixel_room((len(good), height, width, channels), owner)

        def fill(task: tuple[int, int]) -> str:
            row, k = task
            try:
                pixels[row] = _final(paths[k], seen[k].pixels, (height, width), channels)
            except Exception as error:  # decoders of damaged files raise anything
                return _reason(error)
            return ""

        late = list(_in_blocks(pool, fill, list(enumerate(good))))
    faults = {names[k]: one.fault for k, one in enumerate(seen) if one.fault}
    faults |= {names[k]: fault for k, fault in zip(good, late, strict=True) if fault}
    whole = np.array([not fault for fault in late])
    if not whole.any():
        raise BadData(f"{owner}: none of {len(paths)} pictures can be read ({some(list(faults.values()), 1)}).")
    readable = np.zeros(len(paths), bool)
    readable[np.array(good)[whole]] = True
    if faults:
        findings.append(_unreadable(faults, len(paths)))
    findings += _size_findings([seen[k].size for k in good], (height, width), asked=size is not None)
    return _without_colour(pixels if whole.all() else pixels[whole]), readable, findings


def _without_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One channel of pictures that are saved in three but are all grey; what has colour, or lies on disk, as it is."""
    if pixels.shape[-1] == 1 or isinstance(pixels, np.memmap):
        return pixels
    for start in range(0, len(pixels), _BLOCK):  # colour shows in the first block, nearly always
        block = pixels[start : start + _BLOCK]
        if not ((block[..., 0] == block[..., 1]) & (block[..., 1] == block[..., 2])).all():
            return pixels
    return np.ascontiguousarray(pixels[..., :1])


def _look(path: Path, *, keep: bool) -> Seen:
    from PIL import Image as Pictures

    try:
        with Pictures.open(path) as picture:
            width, height = picture.size
            if width * height > _MOST_PIXELS:
                return Seen(fault=f"claims {width} × {height} pixels, more than {_MOST_PIXELS:,}")
            if keep and width * height <= _KEPT_PIXELS:
                pixels = np.asarray(_plain(picture))
                return Seen(size=pixels.shape[:2], grey=pixels.ndim == 2, pixels=pixels)
            size = (width, height) if _is_sideways(picture) else (height, width)
            return Seen(size=size, grey=_is_grey(picture))
    except Exception as error:  # decoders of damaged files raise anything
        return Seen(fault=_reason(error))


def _final(path: Path, kept: NDArray[np.uint8] | None, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """(height, width, channels) of one file."""
    from PIL import Image as Pictures

    if kept is None:
        with Pictures.open(path) as file:
            if file.format == "JPEG":
                # Decode at the nearest power-of-two fraction not below twice the size wanted: several times as fast.
                file.draft(None, (2 * max(size), 2 * max(size)))
            kept = np.asarray(fitted(_plain(file), size))
    elif kept.shape[:2] != size:
        kept = np.asarray(fitted(Pictures.fromarray(kept), size))
    if kept.ndim == 2:
        kept = kept[..., None]
    return np.broadcast_to(kept, (*size, channels))


def _plain(picture: Image) -> Image:
    """`picture` upright, in mode L or RGB, 8 bits a channel."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    grey = _is_grey(picture)
    if _has_exif(picture):
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":
        return Pictures.fromarray(_eight_bits(np.asarray(picture), picture.mode))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Pictures.new("RGBA", picture.size, "white")
        picture = Pictures.alpha_composite(white, picture)
    return picture.convert("L" if grey else "RGB") if picture.mode != ("L" if grey else "RGB") else picture


def _eight_bits(values: NDArray[np.generic], mode: str) -> NDArray[np.uint8]:
    """16-bit values or fractions on the scale 0 … 255."""
    scaled = np.asarray(values, np.float64)
    high = scaled.max(initial=0)
    if mode == "F":
        scaled = scaled * 255 if high <= 1 else scaled
    elif mode.startswith("I;16") or high > 255:
        scaled = scaled / 257
    return np.rint(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8)


def _is_grey(picture: Image) -> bool:
    if picture.mode in ("P", "PA"):
        colours = picture.getpalette("RGB") or []
        return colours[0::3] == colours[1::3] == colours[2::3]
    return picture.mode in ("1", "L", "LA", "La", "I", "F") or picture.mode.startswith("I;16")


def _has_exif(picture: Image) -> bool:
    return "exif" in picture.info or "Raw profile type exif" in picture.info or picture.format in ("TIFF", "MPO")


def _is_sideways(picture: Image) -> bool:
    orientation = 0x0112
    return _has_exif(picture) and picture.getexif().get(orientation, 1) in (5, 6, 7, 8)


def _chosen_size(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """The common size, its longer side at most 224; of a mix, a square."""
    if len(set(sizes)) == 1:
        height, width = sizes[0]
        scale = min(1.0, MAX_SIDE / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))
    side = statistics.median(min(size) for size in sizes)
    side = int(min(MAX_SIDE, max(8, 8 * round(side / 8))))
    return side, side


def _size_findings(sizes: list[tuple[int, int]], size: tuple[int, int], *, asked: bool) -> list[Finding]:
    if set(sizes) == {size}:
        return []
    heights, widths = zip(*sizes, strict=True)
    height, width = size
    cut = statistics.mean(1 - min(h * width / (w * height), w * height / (h * width)) for h, w in sizes)
    range_ = f"{min(heights)} to {max(heights)} pixels high and {min(widths)} to {max(widths)} wide"
    evidence = f"pictures {range_} were brought to {height} × {width}; {cut:.0%} of their area was cut off to fit"
    advice = (
        "nothing has to be done, as --image-size asked for it"
        if asked
        else "choose another side with --image-size PIXELS"
    )
    return [note("resizes-pictures", evidence, advice, height=height, width=width, cut=cut)]


def _unreadable(faults: dict[str, str], files: int) -> Finding:
    told = some([f"{name} ({fault})" for name, fault in faults.items()])
    return warning(
        "has-unreadable-files",
        f"{len(faults):,} of {files:,} pictures cannot be read and were skipped: {told}",
        "mend or delete these files",
        files=faults,
    )


def _all_unreadable(owner: str, names: Sequence[str], seen: list[Seen]) -> str:
    told = some([f"{name} ({one.fault})" for name, one in zip(names, seen, strict=True)], 3)
    return f"{owner}: none of its {len(seen)} pictures can be read: {told}. Are they complete, and really pictures?"


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.partition("\n")[0] or type(error).__name__


def _in_blocks(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """`function` of each item, in order; a block a task, since one picture is less work than one task."""
    blocks = [items[start : start + _BLOCK] for start in range(0, len(items), _BLOCK)]
    for results in pool.map(lambda block: [function(item) for item in block], blocks):
        yield from results


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's warnings about odd files say nothing that findings do not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield
