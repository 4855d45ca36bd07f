"""Makes a page for every optimizer at build time, from its record, with its path on a ravine.

Nothing of it is kept in the repository, so that no page can fall behind the code. The pages are those of
`ravine explain`.
"""

from __future__ import annotations

import textwrap
from functools import cache
from typing import Any

from mkdocs.structure.files import File

from reference import table

FOLDER = "optimizers"
KINDS = ("optimizer", "wrapper", "method")
_STEPS = 120
_WIDTH = 760  # pixels of a map in a page


def on_config(config: Any) -> Any:
    """MkDocs calls this once, before anything is read: the pages come below "Optimizers"."""
    from ravine.cli.topics import pages

    section = next(entry["Optimizers"] for entry in config.nav if "Optimizers" in entry)
    section += [{page.name: f"{FOLDER}/{page.name}.md"} for kind in KINDS for page in pages(kind)]
    return config


def on_files(files: Any, config: Any) -> Any:
    """MkDocs calls this once, when it knows what there is: the pages and their pictures are added."""
    for name, content in generated().items():
        files.append(File.generated(config, f"{FOLDER}/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs calls this for every page: the one on races ends with all surfaces."""
    return markdown + surfaces() if page.file.src_uri == f"{FOLDER}/race.md" else markdown


@cache
def generated() -> dict[str, str | bytes]:
    """Name of a file → what is in it."""
    from dataclasses import replace

    from ravine.cli.topics import pages
    from ravine.landscape import SURFACES, race
    from ravine.landscape.picture import map_png

    racing = [*pages("optimizer"), *pages("wrapper")]
    methods = list(pages("method"))
    run = race("ravine", [page.name for page in racing], steps=_STEPS)
    plain = next(lane for lane in run.lanes if lane.label == "sgd")
    files: dict[str, str | bytes] = {"index.md": index([*racing, *methods])}
    files |= {f"{page.name}.md": text(page, ()) for page in methods}
    for page, lane in zip(racing, run.lanes, strict=True):
        pair = (lane,) if lane is plain else (lane, plain)
        files[f"{page.name}.md"] = text(page, pair)
        files[f"{page.name}.png"] = map_png(replace(run, lanes=pair), _WIDTH)
    for name in SURFACES:
        four = race(name, ["sgd", "momentum", "nesterov", "adam"])
        files[f"surface-{name}.png"] = map_png(four, _WIDTH)
    return files


def index(found: list[Any]) -> str:
    """The page that lists all."""
    rows = [
        (
            f"[{page.name}]({page.name}.md)",
            _capital(page.summary.partition(": ")[2] or page.summary),
            page.remembers,
            f"{page.source.authors} {page.source.year}",
        )
        for page in found
    ]
    return (
        "# Optimizers\n\nEvery update rule there is, and what goes around one. `ravine optimizers` lists them in the "
        "terminal, `ravine explain NAME` prints one in full, [a race](race.md) shows them side by side.\n\n"
        "State is what is kept for each parameter beside the parameter itself.\n\n"
        + table(("name", "what it is", "state", "source"), rows)
        + "\n"
    )


def text(page: Any, lanes: tuple[Any, ...]) -> str:
    """The page of one optimizer."""
    parts = [
        f"# {page.name}",
        page.summary,
        f"```text\n{page.formula}\n```",
    ]
    if lanes:
        parts += [f"![The path of {page.name} on a ravine]({page.name}.png)", f"*{caption(lanes)}*"]
    parts += ["## What it does", page.text]
    if page.arguments:
        rows = [(f"`{a.name}`", f"`{a.default}`", a.allowed, a.meaning) for a in page.arguments]
        parts += ["## Hyperparameters", table(("name", "default", "allowed", "meaning"), rows)]
    parts.append("## State" if page.holds else "## State per parameter")
    if page.state:
        rows = [(f"`{slot.name}`", slot.meaning) for slot in page.state]
        parts += [table(("name", "what"), rows), f"Kept by default: {page.remembers}."]
    else:
        parts.append(f"{_capital(page.holds or 'none')}.")
    if page.departures:
        parts += ["## Departures", page.departures]
    parts += ["## In short", table(("", ""), page.facts)]
    link = f" <{page.source.link}>" if page.source.link else ""
    parts += ["## Source", f"{page.source}.{link}"]
    if page.origin:
        parts.append(f"There: {' '.join(page.origin.split())}")
    parts += ["## In Python", f"```python\n{page.example}\n```"]
    return "\n\n".join(parts) + "\n"


def caption(lanes: tuple[Any, ...]) -> str:
    """What the picture shows, in a sentence or two."""
    told = [
        f"{lane.label} at a rate of {lane.lr:g} is there after {lane.reached} steps"
        if lane.reached is not None
        else f"{lane.label} at a rate of {lane.lr:g} is not there after {_STEPS} steps"
        for lane in lanes
    ]
    return f"On x²/20 + y², each at the best of 26 learning rates: {'; '.join(told)}. A dot is a step."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def surfaces() -> str:
    """Every surface with its picture."""
    from ravine.landscape import SURFACES

    parts = []
    for surface in SURFACES.values():
        minima = ", ".join(f"({x:.4g}, {y:.4g})" for x, y in surface.minima)
        parts.append(
            textwrap.dedent(
                f"""
                ### {surface.name}

                `{surface.formula}`. {surface.about} Lowest at {minima}.

                ![Four optimizers on {surface.name}](surface-{surface.name}.png)

                {surface.source}.
                """
            )
        )
    return "\n".join(parts)
