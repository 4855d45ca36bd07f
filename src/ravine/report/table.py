"""Tables: headers that screen readers follow, numbers on the right, scrolling inside their own box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ravine.report.html import Html, h
from ravine.report.numbers import count


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one column; numbers stand on the right."""

    title: str
    number: bool = False


def table(
    caption: str,
    heads: Sequence[Head],
    rows: Sequence[Sequence[str]],
    *,
    marked: frozenset[int] = frozenset(),
    total: int | None = None,
    what: str = "rows",
    cls: str | None = None,
) -> Html:
    """A table in a box of its own; the first cell of a row is its header.

    Args:
        caption: What the table holds, for screen readers and as the name of the scrolling box.
        heads: One per column.
        rows: Cells; plain strings are escaped.
        marked: Rows to set off.
        total: How many there are in all, when `rows` is only the first of them.
        what: What is counted, for the word on what was left out.
        cls: Class of the table in the style sheet.
    """
    head = h("tr", *(h("th", column.title, scope="col", cls="n" if column.number else None) for column in heads))
    body = [
        h(
            "tr",
            *(
                _cell(cell, column, first=place == 0)
                for place, (cell, column) in enumerate(zip(row, heads, strict=True))
            ),
            cls="marked" if number in marked else None,
        )
        for number, row in enumerate(rows)
    ]
    whole = h("table", h("caption", caption), h("thead", head), h("tbody", *body), cls=cls)
    box = h("div", whole, cls="scroll", role="region", aria_label=caption, tabindex="0")
    if total is None or total <= len(rows):
        return box
    return box + h("p", f"Shown are {count(len(rows))} of {count(total)} {what}.", cls="left-out")


def _cell(cell: str, column: Head, *, first: bool) -> Html:
    kind = "n" if column.number else None
    return h("th", cell, scope="row", cls=kind) if first else h("td", cell, cls=kind)


def pairs(caption: str, entries: Sequence[tuple[str, str]]) -> Html:
    """Names and values, one pair a line."""
    body = (h("tr", h("th", name, scope="row"), h("td", value)) for name, value in entries)
    whole = h("table", h("caption", caption), h("tbody", *body), cls="pairs")
    return h("div", whole, cls="scroll", role="region", aria_label=caption, tabindex="0")
