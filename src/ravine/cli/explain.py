"""`ravine explain`: everything there is to say about one name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue, refusal

if TYPE_CHECKING:
    from ravine.cli.page import Page

_WIDE = 100  # columns when the output is no terminal: prose is for reading

EXAMPLES = """[bold]Examples[/bold]

  ravine explain adabelief

  ravine explain dropconnect

  ravine explain overfits

  ravine explain backprop -o backprop.png"""


def complete_name(incomplete: str) -> list[str]:
    """Names that can be explained and begin with what was typed."""
    from ravine.cli.topics import TOPICS

    return [name for topic in TOPICS for name in topic.members() if name.startswith(incomplete)]


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Of an optimizer, a technique, a schedule, a symptom, a probe, a calculation; else all are listed.",
            autocompletion=complete_name,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Draw the example, where there is one, into a picture (.png).",
            show_default=False,
        ),
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Explain NAME: what it is, its formula, hyperparameters, state, departures, source, and how to use it."""
    from ravine.cli.topics import explained

    if name is None:
        if output is not None:
            raise BadValue("explain: -o draws one example, so it needs a NAME. With a picture: backprop.")
        _print_topics()
        return
    page = explained(name)
    if output is not None:
        _draw(page, output)
    _print(page)
    if output is not None:
        typer.echo(f"\ndrawn into {output}")
    elif page.drawing:
        typer.echo(f"\nAs a picture: ravine explain {page.name} -o {page.name}.png")


def _draw(page: Page, path: Path) -> None:
    from ravine.core.files import write_whole

    if page.drawing is None:
        from ravine.cli.topics import pictured

        raise BadValue(f"explain: there is no picture of {page.name}. With a picture: {', '.join(pictured())}.")
    if path.suffix.lower() != ".png":
        raise BadValue(refusal("explain", "--output", "end in .png", str(path)))
    write_whole(path, page.drawing.png())


def _console() -> Any:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def _print_topics() -> None:
    from rich.text import Text

    from ravine.cli.topics import TOPICS, pages

    console = _console()
    for topic in TOPICS:
        found = list(pages(topic.kind))
        if not found:
            continue
        console.print(Text(topic.title, style="bold"))
        console.print(_table(("", ""), [(page.name, page.summary) for page in found], header=False))
    console.print(Text("All about one: ravine explain NAME"))


def _print(page: Page) -> None:
    from rich.text import Text

    console = _console()

    def heading(words: str) -> None:
        console.print()
        console.print(Text(words, style="bold"))

    console.print(Text(page.name, style="bold cyan"), Text(f"({page.kind})", style="dim"))
    console.print(Text(page.summary))
    if page.formula:
        heading("Formula")
        console.print(Text(f"  {page.formula}", style="green"))
    if page.text:
        heading("What it does")
    for paragraph in page.text.split("\n\n") if page.text else ():
        lines = paragraph.splitlines()
        if paragraph.startswith(">>> ") or all(line.startswith("  ") for line in lines):  # code, formulas
            console.print(Text(paragraph, style="green"), soft_wrap=True)
        else:
            told = " ".join(paragraph.split())
            console.print(Text(told.replace(" - ", "\n- ") if told.startswith("- ") else told))
    for title, paragraph in page.sections:
        heading(title)
        console.print(Text(paragraph))
    if page.arguments:
        heading("Hyperparameters")
        console.print(_table(("name", "default", "allowed", "meaning"), page.arguments))
    if page.kept is not None:
        heading("State" if page.holds else "State per parameter")
        if page.state:
            console.print(_table(("name", "what"), page.state))
        else:
            console.print(Text(page.holds or "none"))
    if page.drawing:
        heading("An example")
        console.print(page.drawing.terminal())
    if page.departures:
        heading("Departures")
        console.print(Text(page.departures))
    heading("In short")
    console.print(_table(("", ""), page.facts, header=False))
    heading("Source")
    _print_source(console, page)
    heading(page.example_in)
    for line in page.example.splitlines():
        console.print(Text(f"  {line}"), soft_wrap=True)


def _print_source(console: Any, page: Page) -> None:
    from rich.text import Text

    origin = " ".join(page.origin.split())
    if page.source is None:
        console.print(Text(origin or "none"))
        return
    console.print(Text(str(page.source)))
    if origin:
        console.print(Text(f"There: {origin}"))
    if page.source.link:
        console.print(Text(page.source.link), soft_wrap=True)


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
