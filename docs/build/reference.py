"""Fills pages from the code at build time, so that they cannot fall behind it.

A page asks with one comment on a line of its own:

- `<!-- room: core -->`: reference of every public module of a room;
- `<!-- recipe -->`: every choice of the recipe with type, default and meaning;
- `<!-- commands -->`: every verb of the command line with its options;
- `<!-- catalogues -->`: the names there are of each kind of thing.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

SOURCE = Path(__file__).parents[2] / "src" / "ravine"
ASKED = re.compile(r"^<!-- (?P<what>[a-z]+)(?:: (?P<word>[a-z_]+))? -->$", re.MULTILINE)


class Doctests(Preprocessor):
    """Puts a doctest that stands free in a docstring into a block of code; Markdown would quote it."""

    def run(self, lines: list[str]) -> list[str]:
        """Fence each run of lines that starts with `>>> `, up to the next empty line."""
        out: list[str] = []
        inside = False
        for line in lines:
            if not inside and line.startswith(">>> "):
                inside = True
                out.append("```pycon")
            elif inside and not line.strip():
                inside = False
                out.append("```")
            out.append(line)
        return [*out, "```"] if inside else out


class DoctestExtension(Extension):
    """Makes `Doctests` known to Markdown, before fenced blocks are read."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown chose the name)
        """Markdown calls this once for every renderer."""
        md.preprocessors.register(Doctests(md), "doctests", 28)


def on_config(config: Any) -> Any:
    """MkDocs calls this once, before anything is read."""
    config.markdown_extensions.append(DoctestExtension())
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page, before it is rendered."""

    def fill(asked: re.Match[str]) -> str:
        return FILLERS[asked["what"]](asked["word"])

    return ASKED.sub(fill, markdown)


def room(name: str) -> str:
    """The reference of a room: its own docstring, then its public modules, those of inner rooms too."""
    folder = SOURCE / name
    files = sorted(folder.rglob("*.py"), key=lambda file: (file.name != "__init__.py", file.parts))
    modules = [".".join(("ravine", *file.relative_to(SOURCE).with_suffix("").parts)) for file in files]
    blocks = []
    for module in modules:
        inner = module.removesuffix(".__init__")
        if not any(part.startswith("_") for part in inner.split(".")):
            # what a room hands on is documented where it is written
            members = "      members: false\n" if inner != module else ""
            blocks.append(f"::: {inner}\n    options:\n      show_submodules: false\n{members}")
    return "\n\n".join(blocks)


def recipe(_: str | None) -> str:
    """A table for each table of the recipe."""
    from pydantic import BaseModel

    from ravine.train.recipe import Recipe

    tables: list[tuple[str, type[BaseModel]]] = []
    top: list[tuple[str, Any]] = []
    for name, field in Recipe.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            tables.append((name, kind))
        else:
            top.append((name, field))
    blocks = ["## At the top\n\n" + choices(top)]
    blocks += [
        f"## `[{name}]`\n\n{(kind.__doc__ or '').strip()}\n\n{choices(kind.model_fields.items())}"
        for name, kind in tables
    ]
    return "\n\n".join(blocks)


def choices(fields: Iterable[tuple[str, Any]]) -> str:
    """Name, type with bounds, default and meaning of each choice."""
    rows = []
    for name, field in fields:
        bounds = ", ".join(bound for part in field.metadata for bound in _bounds(part))
        kind = _kind(field.annotation) + (f", {bounds}" if bounds else "")
        rows.append((f"`{name}`", kind, f"`{field.get_default(call_default_factory=True)!r}`", field.description or ""))
    return table(("choice", "type", "default", "meaning"), rows)


def commands(_: str | None) -> str:
    """Every verb with its arguments and options."""
    import typer

    from ravine.cli.app import app

    group: Any = typer.main.get_command(app)
    blocks = []
    for name, verb in group.commands.items():
        arguments = [p for p in verb.params if p.param_type_name == "argument"]
        usage = " ".join((f"ravine {name}", *(p.metavar for p in arguments), "[OPTIONS]"))
        rows = [(f"`{p.metavar}`", p.help or "") for p in arguments]
        for option in (p for p in verb.params if p.param_type_name == "option"):
            names = ", ".join(f"`{word}`" for word in option.opts)
            rows.append((names + (f" {option.metavar}" if option.metavar else ""), option.help or ""))
        text = re.sub(r"\n(?=\S)", " ", (verb.help or "").strip())
        blocks.append(f"## ravine {name}\n\n{text}\n\n```console\n$ {usage}\n```\n\n{table(('', 'meaning'), rows)}")
    return "\n\n".join(blocks)


def catalogues(_: str | None) -> str:
    """The names there are, of each kind of thing, with where each comes from."""
    from ravine.data.sources import BUILTINS
    from ravine.initialize import SCHEMES
    from ravine.models import FAMILIES
    from ravine.regularize.catalogue import TECHNIQUES
    from ravine.rules import RULES, WRAPPERS
    from ravine.schedules import CATALOGUE

    blocks = []
    for title, known in (
        ("Data sets", BUILTINS),
        ("Networks", FAMILIES),
        ("Update rules", RULES),
        ("Wrappers of update rules", WRAPPERS),
        ("Schedules", CATALOGUE),
        ("Initialization", SCHEMES),
        ("Regularization", TECHNIQUES),
    ):
        rows = [(f"`{name}`", _about(member), str(getattr(member, "source", ""))) for name, member in known.items()]
        blocks.append(f"## {title}\n\n{table(('name', 'what it is', 'source'), rows)}")
    return "\n\n".join(blocks)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


FILLERS: dict[str, Callable[[Any], str]] = {
    "room": room,
    "recipe": recipe,
    "commands": commands,
    "catalogues": catalogues,
}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _about(member: Any) -> str:
    """What a member says of itself: its formula, its summary, or the first line of its file."""
    if getattr(member, "formula", ""):
        return f"`{' '.join(member.formula.split())}`"
    if getattr(member, "summary", ""):
        return str(member.summary)
    home = member if isinstance(member, type) else member.make
    return (inspect.getdoc(sys.modules[home.__module__]) or "").partition("\n")[0]


def _kind(annotation: Any) -> str:
    """A type in words: "number or `auto`"."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is dict:
        return "table"
    if get_origin(annotation) is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    if hasattr(annotation, "__metadata__"):
        bounds = ", ".join(
            bound
            for constraint in annotation.__metadata__
            for part in getattr(constraint, "metadata", ())
            for bound in _bounds(part)
        )
        return _kind(annotation.__origin__) + (f" {bounds}" if bounds else "")
    parts = get_args(annotation)
    return " or ".join(_kind(part) for part in parts) if parts else str(annotation)


def _bounds(part: Any) -> Iterable[str]:
    for attribute, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")):
        value = getattr(part, attribute, None)
        if value is not None:
            yield f"{sign} {value:g}"


_WORDS = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`", type(None): "nothing"}
