"""`ravine optimizers`: the catalogue of update rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ravine.cli.verb import DebugOption

if TYPE_CHECKING:
    from ravine.cli.page import Page

_WIDE = 200  # columns when the output is no terminal: nothing is cut off in a file or a pipe
_KINDS = ("optimizer", "wrapper", "method")

EXAMPLES = """[bold]Examples[/bold]

  ravine optimizers

  ravine explain adabelief"""


def optimizers(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
    _debug: DebugOption = False,
) -> None:
    """List the optimizers: name, formula, state per parameter, source."""
    from ravine.cli.topics import pages

    parts = [list(pages(kind)) for kind in _KINDS]
    if as_json:
        _print_json([page for part in parts for page in part])
    else:
        _print(parts)


def _print_json(found: list[Page]) -> None:
    import json

    rows = [
        {
            "name": page.name,
            "kind": page.kind,
            "summary": page.summary,
            "formula": page.formula,
            "state": page.holds or list(page.kept or ()),
            "source": str(page.source),
        }
        for page in found
    ]
    typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))


def _print(parts: list[list[Page]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("formula", overflow="fold", ratio=3)
    table.add_column("state per parameter", overflow="fold", ratio=1)
    table.add_column("source", overflow="fold", ratio=1)
    for pages in parts:
        for page in pages:
            source = f"{page.source.authors} {page.source.year}" if page.source else ""
            table.add_row(Text(page.name, style="bold"), Text(page.formula), Text(page.remembers), Text(source))
        table.add_section()
    console.print(table)
    console.print(
        "All about one: ravine explain NAME. Side by side: ravine race --optimizers NAME,NAME", soft_wrap=True
    )
