"""Draws the pictures of the page on schedules at build time, and its table of all schedules."""

from __future__ import annotations

from functools import cache
from typing import Any

from mkdocs.structure.files import File

from reference import table

PAGE = "guide/schedules.md"
FOLDER = "guide/schedules"
ASKED = "<!-- every schedule, drawn -->"
PICTURES = {
    "joined": ("warmup(5%) > cosine", "warmup(5%) > constant > linear(20%)", "warmup(5%) > repeat(cosine, times=3)"),
    "momentum": ("one-cycle(momentum=[0.85, 0.95])", "cyclic(10%, momentum=[0.8, 0.9])"),
}
"""Name of a picture → what is drawn in it."""


def on_files(files: Any, config: Any) -> Any:
    """MkDocs calls this once, when it knows what there is: the pictures are added."""
    for name, content in drawn().items():
        files.append(File.generated(config, f"{FOLDER}/{name}.png", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs calls this for every page: this one is given its table."""
    return markdown.replace(ASKED, every_schedule()) if page.file.src_uri == PAGE else markdown


@cache
def drawn() -> dict[str, bytes]:
    """Name of a picture → the file's bytes."""
    from ravine.cli.topics import pages
    from ravine.core.time import Clockwork
    from ravine.schedules.chart import Chart

    run = Clockwork(total_steps=1000, steps_per_epoch=10)
    found = {name: Chart(texts, run).png() for name, texts in PICTURES.items()}
    return found | {page.name: page.drawing.png() for page in pages("schedule") if page.drawing}


def every_schedule() -> str:
    """A row for each: name, formula, an example as a text, its picture."""
    from ravine.cli.topics import pages

    rows = [
        (
            f"`{page.name}`<br>{page.source.authors} {page.source.year}",
            page.formula,
            f"`{dict(page.facts)['text']}`",
            f"![{page.name}](schedules/{page.name}.png){{ width=240 }}" if page.drawing else "follows the losses",
        )
        for page in pages("schedule")
    ]
    return table(("name", "formula", "example", "over a run"), rows)
