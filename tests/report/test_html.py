"""Whatever the data say, the page keeps its shape; judged by Python's own HTML parser."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from ravine.report.html import coded, data, h, join, json_script, picture, text

words = st.text(alphabet=st.characters(exclude_characters="\r\n\t")) | st.sampled_from(
    ["</script>", "<!--", "]]>", "&lt;", "'\"", "<script>alert(1)</script>", "\u2028", "`a`", "``"]
)


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def printable(word: str) -> str:
    return "".join("\ufffd" if _odd(character) else character for character in word)


def _odd(character: str) -> bool:
    code = ord(character)
    return code < 32 or code == 127 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)


@given(words, words)
def test_words_and_attributes_come_back_as_they_were(word: str, attribute: str) -> None:
    seen = Reader(h("p", word, title=attribute))
    assert seen.tags == [("p", {"title": printable(attribute)})]
    assert seen.words == printable(word)


@given(words)
def test_code_spans_add_only_code(word: str) -> None:
    seen = Reader(coded(word))
    assert {tag for tag, _ in seen.tags} <= {"code"}
    assert seen.words in (printable(word), printable(word.replace("`", "")))


@given(st.recursive(words | st.floats(allow_nan=False, allow_infinity=False) | st.none(), st.lists, max_leaves=8))
def test_json_in_a_script_cannot_end_it(value: object) -> None:
    element = json_script({"value": value}, data_figure="x")
    inside = element.removeprefix('<script type="application/json" data-figure="x">').removesuffix("</script>")
    assert not set("<>&") & set(inside)
    assert json.loads(inside) == {"value": value}


def test_a_long_word_is_shortened_and_kept_whole_in_its_title() -> None:
    seen = Reader(data("<" * 200, longest=10))
    assert seen.tags == [("bdi", {"title": "<" * 200})]
    assert seen.words == "<" * 9 + "…"


def test_only_pictures_that_carry_themselves_are_shown() -> None:
    assert Reader(picture("data:image/png;base64,iVBORw0KGgo=", 'a "b"')).tags == [
        ("img", {"src": "data:image/png;base64,iVBORw0KGgo=", "alt": 'a "b"'})
    ]
    for foreign in (
        "https://example.com/x.png",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "data:text/html;base64,PHA+",
        'data:image/png;base64,AA" onerror="x',
        "file:///etc/passwd",
        "",
    ):
        assert Reader(picture(foreign, "")).tags == [("span", {"class": "no-picture"})]


def test_attributes_that_are_off_are_left_away() -> None:
    assert h("button", None, hidden=True, disabled=False, title=None) == "<button hidden></button>"
    assert join("<", h("br"), None) == "&lt;<br>"
    assert text("a") + "<" == "a&lt;"
