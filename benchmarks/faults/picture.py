"""The confusion matrix as a picture: planted faults down, first names across."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw

from ravine.core.ink import HIGH, INK, LANES, LOW, PAPER, RULE, SOFT, Color, font

CELL = 22
SIZE = 14
TOP, LEFT, MARGIN = 240, 250, 24


def draw(confused: Counter[tuple[str, str]], accepted: set[tuple[str, str]], path: Path) -> Path:
    """Write the picture.

    Args:
        confused: (planted, named first) → how often.
        accepted: Pairs that are right; framed.
        path: A PNG.
    """
    rows = _ordered({planted for planted, _ in confused})
    columns = [*rows, *_ordered({named for _, named in confused} - set(rows))]
    width, height = LEFT + CELL * len(columns) + MARGIN, TOP + CELL * len(rows) + MARGIN
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((MARGIN, MARGIN), "planted: down, named first: across", fill=INK, font=font(SIZE))
    for place, name in enumerate(columns):
        _upright(image, name, LEFT + CELL * place + CELL // 2, TOP - 8)
    totals = Counter[str]()
    for (planted, _), count in confused.items():
        totals[planted] += count
    for down, planted in enumerate(rows):
        y = TOP + CELL * down
        pen.text((LEFT - 10, y + CELL // 2), planted, fill=INK, font=font(SIZE), anchor="rm")
        for across, named in enumerate(columns):
            count = confused[planted, named]
            box = (LEFT + CELL * across, y, LEFT + CELL * (across + 1) - 2, y + CELL - 2)
            right = (planted, named) in accepted or planted == named
            pen.rectangle(box, fill=_shade(count / max(1, totals[planted])), outline=LANES[2] if right else RULE)
            if count:
                middle = (box[0] + CELL // 2 - 1, y + CELL // 2 - 1)
                pen.text(middle, str(count), fill=INK if right else LANES[0], font=font(11), anchor="mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def _ordered(names: set[str]) -> list[str]:
    """By the alphabet, "healthy" first."""
    return sorted(names, key=lambda name: (name != "healthy", name))


def _upright(image: Image.Image, text: str, x: int, y: int) -> None:
    """Text that is read from below, its end at (x, y)."""
    length = round(font(SIZE).getlength(text)) + 4
    label = Image.new("RGB", (length, SIZE + 6), PAPER)
    ImageDraw.Draw(label).text((0, 0), text, fill=SOFT, font=font(SIZE))
    label = label.rotate(90, expand=True)
    image.paste(label, (x - label.width // 2, y - label.height))


def _shade(share: float) -> Color:
    if not share:
        return PAPER
    low, high = LOW, HIGH
    return tuple(round(a + share * (b - a)) for a, b in zip(low, high, strict=True))  # type: ignore[return-value]
