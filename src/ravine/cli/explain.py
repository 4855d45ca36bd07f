"""`ravine explain`: everything there is to say about one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption

if TYPE_CHECKING:
    from ravine.cli.topics import Page

_WIDE = 100  # columns when the output is no terminal: prose is for reading

EXAMPLES = """[bold]Examples[/bold]

  ravine explain adabelief

  ravine explain lookahead"""


def complete_name(incomplete: str) -> list[str]:
    """Names that can be explained and begin with what was typed."""
    from ravine.cli.topics import TOPICS

    return [name for topic in TOPICS for name in topic.members() if name.startswith(incomplete)]


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Of an optimizer; `ravine optimizers` lists them.",
            autocompletion=complete_name,
            show_default=False,
        ),
    ],
    _debug: DebugOption = False,
) -> None:
    """Explain NAME: what it is, its formula, hyperparameters, state, departures, source, and how to use it."""
    from ravine.cli.topics import explained

    _print(explained(name))


def _print(page: Page) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)

    def heading(words: str) -> None:
        console.print()
        console.print(Text(words, style="bold"))

    console.print(Text(page.name, style="bold cyan"), Text(f"({page.kind})", style="dim"))
    console.print(Text(page.summary))
    heading("Formula")
    console.print(Text(f"  {page.formula}", style="green"))
    heading("What it does")
    for paragraph in page.text.split("\n\n"):
        lines = paragraph.splitlines()
        if all(line.startswith("  ") for line in lines):
            console.print(Text(paragraph, style="green"), soft_wrap=True)
        else:
            console.print(Text(" ".join(paragraph.split())))
    if page.arguments:
        heading("Hyperparameters")
        console.print(_table(("name", "default", "allowed", "meaning"), page.arguments))
    heading("State" if page.holds else "State per parameter")
    if page.state:
        console.print(_table(("name", "what"), page.state))
    else:
        console.print(Text(page.holds or "none"))
    if page.departures:
        heading("Departures")
        console.print(Text(page.departures))
    heading("In short")
    console.print(_table(("", ""), page.facts, header=False))
    heading("Source")
    console.print(Text(str(page.source)))
    if page.origin:
        console.print(Text(f"There: {' '.join(page.origin.split())}"))
    if page.source.link:
        console.print(Text(page.source.link), soft_wrap=True)
    heading("In Python")
    for line in page.example.splitlines():
        console.print(Text(f"  {line}"), soft_wrap=True)


def _table(head: tuple[str, ...], rows: Any, *, header: bool = True) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if header else None, pad_edge=False, show_header=header)
    for place, words in enumerate(head):
        table.add_column(words, no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
