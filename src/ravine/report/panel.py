"""What a panel is: a titled section of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ravine.report.html import Html, h
from ravine.report.material import Material


@dataclass(frozen=True, slots=True)
class Panel:
    """One section; `id` is its anchor, `short` its name in the list of contents."""

    id: str
    title: str
    short: str
    body: Html

    def to_html(self) -> Html:
        """The section with its heading."""
        return h(
            "section",
            h("h2", self.title, id=f"{self.id}-title"),
            self.body,
            id=self.id,
            cls="panel",
            aria_labelledby=f"{self.id}-title",
        )


Maker = Callable[[Material], Panel | None]
"""A panel's file has one: records in, a section out, None where the records do not reach."""
