"""From a run folder to one page that needs neither a server nor the internet."""

from __future__ import annotations

from pathlib import Path

from ravine.core.files import write_whole
from ravine.core.version import VERSION
from ravine.records.folder import RunFolder
from ravine.report.document import asset, document
from ravine.report.html import Html, h, text
from ravine.report.material import Material
from ravine.report.panel import Panel
from ravine.report.panels import PANELS
from ravine.report.panels.headline import headline


def write_report(folder: RunFolder) -> Path:
    """Make `report.html` from the records in `folder`, whole or not at all; returns its path.

    A run that is still going, was interrupted or failed gives a page of what it reached.

    Raises:
        BadRun: A record is there and cannot be understood, or the page cannot be written.
    """
    write_whole(folder.report, page(Material.of(folder)))
    return folder.report


def page(material: Material) -> str:
    """The whole page as text."""
    panels = [panel for make in PANELS if (panel := make(material)) is not None]
    content = h(
        "div",
        _contents(panels),
        h("main", headline(material), _noscript(), *(panel.to_html() for panel in panels), _foot(), id="content"),
        cls="frame-of-page",
    )
    style, script = (asset("ravine.report", name) for name in ("page.css", "page.js"))
    return document(material.name, content, style=style, script=script)


def _contents(panels: list[Panel]) -> Html:
    links = (h("li", h("a", panel.short, href=f"#{panel.id}")) for panel in panels)
    return h("nav", h("ul", *links), aria_label="Contents", cls="contents")


def _noscript() -> Html:
    return h("noscript", h("p", "Plots need JavaScript; their numbers stand in the tables.", cls="partial"))


def _foot() -> Html:
    return h("footer", h("p", text(f"Made by Ravine {VERSION} from the records of the run alone.")))
