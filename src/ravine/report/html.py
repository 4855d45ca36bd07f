"""Markup that cannot be broken by what a data set contains: plain strings are always escaped."""

from __future__ import annotations

import html
import re
from typing import Any

from ravine.core.files import plain

_LONGEST_TITLE = 1000
_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")


class Html(str):
    """A piece of a page, safe as it stands."""

    __slots__ = ()

    def __add__(self, other: str) -> Html:
        return Html(str(self) + str(text(other)))


NOTHING = Html("")
Child = str | None


def text(value: object, *, quotes: bool = True) -> Html:
    """`value` as page text: markup escaped, unprintable characters shown as �; `Html` passes as it is.

    >>> text("<script>")
    '&lt;script&gt;'
    """
    if isinstance(value, Html):
        return value
    return Html(html.escape(_UNPRINTABLE.sub("\ufffd", str(value)), quote=quotes))


def h(tag: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """The element `tag` around its children; `cls` is the class, `_` in a name becomes `-`.

    An attribute that is True stands without a value; one that is None or False is left away.

    >>> h("p", "1 < 2", cls="note", aria_label='a "b"')
    '<p class="note" aria-label="a &quot;b&quot;">1 &lt; 2</p>'
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = "class" if name == "cls" else name.rstrip("_").replace("_", "-")
        parts.append(f" {spelled}" if value is True else f' {spelled}="{text(value)}"')
    parts.append(">")
    if tag not in _VOID:
        parts.append(join(*children))
        parts.append(f"</{tag}>")
    return Html("".join(parts))


def join(*children: Child) -> Html:
    """Pieces one after the other; None is nothing."""
    return Html("".join(text(child) for child in children if child is not None))


def data(value: object, longest: int = 80) -> Html:
    """A word that came with the data: shortened, and kept apart so that it cannot turn the line around.

    >>> data("a name of some length", longest=7)
    '<bdi title="a name of some length">a name…</bdi>'
    """
    whole = str(value)
    if len(whole) <= longest:
        return h("bdi", whole)
    return h("bdi", whole[: longest - 1] + "…", title=whole[:_LONGEST_TITLE])


def coded(sentence: str) -> Html:
    """A sentence in which `words between backticks` are code.

    >>> coded("use `--lr`")
    'use <code>--lr</code>'
    """
    pieces = sentence.split("`")
    if len(pieces) % 2 == 0:  # a backtick without a partner is an ordinary character
        return text(sentence)
    return join(*(h("code", piece) if place % 2 else text(piece) for place, piece in enumerate(pieces)))


def picture(uri: str, alt: str) -> Html:
    """A picture from a data URI, or a word where the URI is none: nothing is ever fetched."""
    if _PICTURE.fullmatch(uri) is None:
        return h("span", "no picture", cls="no-picture")
    return h("img", src=uri, alt=alt)


def json_script(value: Any, **attributes: str) -> Html:
    """`value` as JSON in a script element, spelled so that no string in it can end the element."""
    import json

    spelled = json.dumps(plain(value), allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        spelled = spelled.replace(character, f"\\u{ord(character):04x}")
    return h("script", Html(spelled), type="application/json", **attributes)


def fold(summary: str, *children: Child, open_: bool = False) -> Html:
    """A part that opens on a click."""
    return h("details", h("summary", summary), h("div", *children, cls="folded"), open=open_)
