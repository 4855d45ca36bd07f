"""A page in one file that needs neither a server nor the internet."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from ravine.report.html import Html, h, join


def document(title: str, *content: Html, style: str, script: str) -> str:
    """The whole page as text: `content` between its style and plotly with the page's own script.

    Args:
        title: Of the window.
        content: The body; holds an element with the id "content".
        style: CSS.
        script: JavaScript, run once plotly is there.
    """
    from plotly.offline import get_plotlyjs

    scripts = _inline(get_plotlyjs()), _inline(script)
    head = join(
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=_policy(*scripts)),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("meta", name="generator", content="Ravine"),
        h("title", f"{title} · Ravine"),
        h("link", rel="icon", href="data:,"),
        h("style", Html(_inline(style))),
    )
    skip = h("a", "To the content", href="#content", cls="skip")
    body = join(skip, *content, *(h("script", Html(code)) for code in scripts))
    return f"<!doctype html>\n{h('html', h('head', head), h('body', body), lang='en')}\n"


def asset(room: str, name: str) -> str:
    """The text of a file among the assets of `room`."""
    return resources.files(room).joinpath("assets", name).read_text(encoding="utf-8")


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
