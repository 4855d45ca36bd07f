"""From a race to a file: the end of the name says what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ravine.core.errors import BadValue, refusal
from ravine.core.files import write_whole
from ravine.landscape.race import Race


def _picture(race: Race) -> bytes:
    from ravine.landscape.picture import png

    return png(race)


def _animation(race: Race) -> bytes:
    from ravine.landscape.animation import gif

    return gif(race)


def _page(race: Race) -> bytes:
    from ravine.landscape.page import page

    return page(race).encode()


FORMS: Mapping[str, Callable[[Race], bytes]] = {".png": _picture, ".gif": _animation, ".html": _page}
"""End of a file's name → what draws it."""


def check_suffix(path: Path) -> None:
    """Raise `BadValue` unless `path` names something that can be drawn."""
    if path.suffix.lower() not in FORMS:
        raise BadValue(refusal("race", "file", f"end in {', '.join(FORMS)}", str(path)))


def save(race: Race, path: Path) -> Path:
    """Draw `race` into `path`, whole or not at all.

    Raises:
        BadValue: The name ends in something that cannot be drawn.
        BadRun: The file cannot be written.
    """
    check_suffix(path)
    write_whole(path, FORMS[path.suffix.lower()](race))
    return path
