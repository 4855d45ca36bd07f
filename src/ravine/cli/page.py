"""A page about one name, and how its parts are read off docstrings and records."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ravine.core.intervals import Interval
from ravine.core.sources import Source

_HEADING = re.compile(r"^(Args|Attributes|Returns|Source|Departures?|Raises):", re.MULTILINE)
_ARGUMENT = re.compile(r"^    (?P<name>\w+): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)
_SLOT = re.compile(r"^    (?P<name>\w+): Any  # (?P<text>.*)$", re.MULTILINE)


class Argument(NamedTuple):
    """One hyperparameter."""

    name: str
    default: str
    allowed: str
    meaning: str


class Drawing(Protocol):
    """An example worked out."""

    def terminal(self) -> Any:
        """What rich can print."""
        ...

    def png(self) -> bytes:
        """The picture, as a file's bytes."""
        ...


class Slot(NamedTuple):
    """One thing remembered for each parameter."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What there is to say about one name.

    Attributes:
        name: The name.
        kind: What kind of thing it is.
        summary: What it is, in a sentence.
        formula: In a line; "" where it has none.
        text: Formulas and paragraphs, as in its docstring; indented lines are formulas.
        facts: Short answers: label and value.
        arguments: Its hyperparameters.
        state: What it may remember for each parameter.
        kept: Names of what of it is kept unless options ask for more; None where nothing could be.
        departures: Where published code differs from the published formula; "" where it does not.
        source: Where it comes from; None where `origin` alone says it.
        origin: The place in the source, and further sources, as the docstring has them.
        example: Three lines of Python, or commands where `example_in` says so.
        holds: What it keeps for all parameters together, in words; "" where `kept` says it.
        sections: Further paragraphs, each under a heading of its own.
        example_in: Heading of the example.
        drawing: Numbers worked out on an example; None where there is none.
    """

    name: str
    kind: str
    summary: str
    formula: str
    text: str
    facts: tuple[tuple[str, str], ...]
    arguments: tuple[Argument, ...]
    state: tuple[Slot, ...]
    kept: tuple[str, ...] | None
    departures: str
    source: Source | None
    origin: str
    example: str
    holds: str = ""
    sections: tuple[tuple[str, str], ...] = ()
    example_in: str = "In Python"
    drawing: Drawing | None = None

    @property
    def remembers(self) -> str:
        """Numbers kept for each parameter, with their names: "2: m, v"; how many at most where options add some.

        Of a method: what it keeps for all parameters together.
        """
        if self.holds or self.kept is None:
            return self.holds
        names = f"{len(self.kept)}: {', '.join(self.kept)}" if self.kept else "0"
        return names if len(self.kept) == len(self.state) else f"{names} (up to {len(self.state)})"


def sections_of(function: Callable[..., Any]) -> dict[str, str]:
    """A docstring by its headings; what stands before the first is under ""."""
    doc = inspect.getdoc(function) or ""
    pieces = _HEADING.split(doc)
    found = {"": pieces[0].strip("\n")}
    found.update({h: textwrap.dedent(text).strip() for h, text in zip(pieces[1::2], pieces[2::2], strict=True)})
    return found


def meanings_of(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, one line each; of a dataclass, of each attribute."""
    doc = inspect.getdoc(function) or ""
    _, _, after = doc.partition("\nArgs:\n" if "\nArgs:\n" in doc else "\nAttributes:\n")
    return {m["name"]: " ".join(m["text"].split()) for m in _ARGUMENT.finditer(after.partition("\n\n")[0])}


def as_sentence(text: str) -> str:
    """Words on one line, beginning with a capital."""
    whole = " ".join(text.split())
    return whole[:1].upper() + whole[1:]


def summary_of(function: Callable[..., Any], name: str) -> str:
    """What the file says it holds; a variant of another rule lives in the file of its own name."""
    room = function.__module__.rpartition(".")[0]
    home = sys.modules.get(f"{room}.{name}") or sys.modules[function.__module__]
    return (inspect.getdoc(home) or "").partition("\n")[0]


def arguments_of(
    values: Mapping[str, Any],
    bounds: Mapping[str, Interval],
    options: Mapping[str, Any],
    meanings: Mapping[str, str],
) -> Iterator[Argument]:
    """Hyperparameters with their defaults, bounds or choices, and meanings."""
    for name, default in values.items():
        allowed = bounds[name].must.removeprefix("be ") if name in bounds else _listed(options[name])
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        yield Argument(name, shown, allowed, meanings.get(name, "See above."))


def _listed(allowed: Any) -> str:
    if isinstance(allowed, range):
        return f"whole numbers in [{allowed[0]}, {allowed[-1]}]"
    return ", ".join(map(str, allowed))


def slots_of(state: type) -> tuple[Slot, ...]:
    """The fields of a state; what they mean is the comment beside each, where the source is at hand."""
    try:
        meanings = {found["name"]: found["text"] for found in _SLOT.finditer(inspect.getsource(state))}
    except (OSError, TypeError):
        meanings = {}
    fields: tuple[str, ...] = getattr(state, "_fields", ())
    return tuple(Slot(name, meanings.get(name, "")) for name in fields)
