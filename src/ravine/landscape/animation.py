"""A race as an animation: the picture, step by step."""

from __future__ import annotations

import io

from PIL import Image

from ravine.core import ink
from ravine.landscape.picture import Picture
from ravine.landscape.race import Race

WIDTH = 640
"""Of an animation, in pixels."""

_FRAMES = 60
_FRAME, _HOLD = 70, 2500  # milliseconds
_GENTLE = 1.6  # the first steps, which differ most, take more of the frames
_COLORS = 160


def moments(steps: int) -> list[int]:
    """The steps that get a frame, from 0 to the last.

    >>> moments(4)
    [0, 1, 2, 3, 4]
    """
    if steps <= _FRAMES:
        return list(range(steps + 1))
    return sorted({round(steps * (frame / _FRAMES) ** _GENTLE) for frame in range(_FRAMES + 1)} | {1})


def gif(race: Race) -> bytes:
    """The animation of a race, as the bytes of a GIF file."""
    picture = Picture(race, WIDTH)
    palette = _palette(picture.drawn(race.steps))
    shown = moments(race.steps)
    frames = [picture.drawn(step).quantize(palette=palette, dither=Image.Dither.NONE) for step in shown]
    held = io.BytesIO()
    frames[0].save(
        held,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[_FRAME] * (len(frames) - 1) + [_HOLD],
        loop=0,
        optimize=True,
    )
    return held.getvalue()


def _palette(image: Image.Image) -> Image.Image:
    """The colours of the inks as they are, and the others of `image` as nearly as may be."""
    exact = (ink.PAPER, ink.INK, ink.SOFT, *ink.LANES)
    others = image.quantize(_COLORS - len(exact), method=Image.Quantize.MEDIANCUT).getpalette() or []
    made = Image.new("P", (1, 1))
    made.putpalette([*(value for color in exact for value in color), *others])
    return made
