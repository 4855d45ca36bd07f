"""From a run folder to one page that needs neither a server nor the internet."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path

from ravine.core.files import write_whole
from ravine.records.folder import RunFolder
from ravine.report.html import Html, h, join, text
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
    from plotly.offline import get_plotlyjs

    panels = [panel for make in PANELS if (panel := make(material)) is not None]
    style, script, plotly = _asset("page.css"), _asset("page.js"), _inline(get_plotlyjs())
    head = join(
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=_policy(script, plotly)),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("meta", name="generator", content="Ravine"),
        h("title", f"{material.name} · Ravine"),
        h("link", rel="icon", href="data:,"),
        h("style", Html(style)),
    )
    body = join(
        h("a", "To the content", href="#content", cls="skip"),
        h(
            "div",
            _contents(panels),
            h("main", headline(material), _noscript(), *(panel.to_html() for panel in panels), _foot(), id="content"),
            cls="frame-of-page",
        ),
        h("script", Html(plotly)),
        h("script", Html(script)),
    )
    return f"<!doctype html>\n{h('html', h('head', head), h('body', body), lang='en')}\n"


def _contents(panels: list[Panel]) -> Html:
    links = (h("li", h("a", panel.short, href=f"#{panel.id}")) for panel in panels)
    return h("nav", h("ul", *links), aria_label="Contents", cls="contents")


def _noscript() -> Html:
    return h("noscript", h("p", "Plots need JavaScript; their numbers stand in the tables.", cls="partial"))


def _foot() -> Html:
    from ravine import __version__

    return h("footer", h("p", text(f"Made by Ravine {__version__} from the records of the run alone.")))


def _asset(name: str) -> str:
    return _inline(resources.files("ravine.report").joinpath("assets", name).read_text(encoding="utf-8"))


def _inline(code: str) -> str:
    """Code for a script or style element: line ends as a browser reads them, nothing that ends the element early."""
    return code.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _policy(*scripts: str) -> str:
    """What the page may do: run these scripts, by their hashes, show its own pictures, and nothing else.

    So that even markup that slipped through could neither run nor send anything.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" for code in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none';"
        " form-action 'none'"
    )
