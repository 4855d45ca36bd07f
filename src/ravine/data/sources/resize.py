"""Pictures brought to one size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ravine.data.raw import Images, Raw
from ravine.data.sources.notes import note
from ravine.data.sources.options import Options

if TYPE_CHECKING:
    from PIL.Image import Image


def fitted(picture: Image, size: tuple[int, int]) -> Image:
    """`picture` filling `size` (height, width): scaled without distortion, antialiased, what sticks out cut evenly."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    height, width = size
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), method=Pictures.Resampling.BICUBIC)


def resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(rows, height, width, channels) as `fitted` makes them, one by one.

    Args:
        pixels: (rows, *, *, 1 or 3).
        size: Height and width wanted.
    """
    from PIL import Image as Pictures

    if pixels.shape[1:3] == size:
        return pixels
    out = np.empty((len(pixels), *size, pixels.shape[3]), np.uint8)
    for row, picture in enumerate(pixels):
        flat = picture[..., 0] if picture.shape[-1] == 1 else picture
        out[row] = np.asarray(fitted(Pictures.fromarray(flat), size)).reshape(out.shape[1:])
    return out


def sized(raw: Raw, options: Options) -> Raw:
    """`raw` with its pictures in the size that was asked for; unchanged when none was, or there are no pictures."""
    if options.image_size is None or not isinstance(raw.inputs, Images):
        return raw
    height, width = raw.inputs.pixels.shape[1:3]
    if (height, width) == options.image_size:
        return raw
    finding = note(
        "resizes-pictures",
        f"pictures of {height} × {width} pixels were brought to {options.image_size[0]} × {options.image_size[1]}",
        "nothing has to be done, as --image-size asked for it",
    )
    pixels = resized(raw.inputs.pixels, options.image_size)
    return replace(raw, inputs=Images(pixels), findings=(*raw.findings, finding))
