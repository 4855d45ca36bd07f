"""The interactive page in a real browser: drawn, played, in light and dark, wide and narrow."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from ravine.landscape import Race
from ravine.landscape.page import page as page_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Relative luminance as WCAG 2.2 has it; every text stands on the page's or a card's ground.
CONTRAST = """
() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faults = []; let seen = 0;
  for (const element of document.querySelectorAll("h1, h2, p, th, td, label span, output, button, svg .xtick text")) {
    if (!element.getClientRects().length || !element.textContent.trim()) continue;
    const style = getComputedStyle(element);
    const ink = numbers(element.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
    seen += 1;
    if ((a + 0.05) / (b + 0.05) < 4.5) faults.push([element.tagName, element.textContent.slice(0, 30)]);
  }
  return {seen, faults};
}
"""
DRAWN = "document.querySelectorAll('#map .scatterlayer .trace').length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as driver:
        try:
            launched = driver.chromium.launch(executable_path=found, args=_ARGUMENTS)
        except playwright.Error as error:
            pytest.skip(f"no Chromium to open the page with: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path) -> Iterator[Callable[..., Page]]:
    """The page of a race; at the end, fails on any console message or request."""
    complaints: list[str] = []

    def opened(race: Race, *, width: int = 1200, scheme: str = "light") -> Page:
        path = race.save(tmp_path / "race.html")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_it_is_drawn_and_readable(four, open_page, width, scheme):
    page = open_page(four, width=width, scheme=scheme)
    assert page.evaluate(DRAWN) == 1 + 4 + 1 + 1  # minima, paths, start, heads
    assert page.evaluate("document.querySelectorAll('#map .contourlayer .contour').length") == 1
    assert page.evaluate("document.querySelectorAll('#loss .scatterlayer .trace').length") == 4
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    size = page.evaluate("(({w, h}) => [w, h])(document.getElementById('map')._fullLayout._size)")
    assert size[0] > 0.8 * page.evaluate("document.getElementById('map').clientWidth")
    assert size[0] / size[1] == pytest.approx(10 / 7, rel=0.03)
    contrast = page.evaluate(CONTRAST)
    assert contrast["seen"] > 20
    assert contrast["faults"] == []
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["sgd", "momentum", "nesterov", "adam"]


def test_the_slider_shortens_the_paths_and_a_box_hides_one(four, open_page):
    page = open_page(four)
    assert page.evaluate("document.getElementById('map').data[2].x.length") == 81
    page.locator("#step").fill("7")
    assert page.locator("#step-words").inner_text() == "step 7 of 80"
    data = page.evaluate("document.getElementById('map').data.slice(2, 6).map((t) => [t.x, t.y])")
    for lane, (xs, ys) in zip(four.lanes, data, strict=True):
        assert xs == pytest.approx(lane.points[:8, 0].tolist(), rel=1e-4)
        assert ys == pytest.approx(lane.points[:8, 1].tolist(), rel=1e-4)
    assert page.evaluate("document.getElementById('loss').data[0].y.length") == 8
    page.get_by_role("checkbox", name="momentum").uncheck()
    assert page.evaluate("document.getElementById('map').data[3].visible") is False
    assert page.evaluate("document.getElementById('map').data.at(-1).x.length") == 3


def test_it_plays_from_the_first_step_and_can_be_paused(four, open_page):
    page = open_page(four)
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(700)
    page.get_by_role("button", name="Pause").click()
    reached = int(page.locator("#step").input_value())
    assert 0 < reached < 80
    page.wait_for_timeout(200)
    assert int(page.locator("#step").input_value()) == reached


def test_colors_follow_the_scheme(four, open_page):
    page = open_page(four)
    stroke = "getComputedStyle(document.querySelectorAll('#loss .scatterlayer .js-line')[0]).stroke"
    light = page.evaluate(stroke)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(400)
    assert page.evaluate(stroke) != light


def test_a_wild_race_is_drawn_too(wild, open_page):
    page = open_page(wild, width=400)
    assert page.evaluate(DRAWN) == 1 + 13 + 1 + 1
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_page_is_whole_and_names_cannot_break_it(four):
    text = page_text(four)
    assert text.startswith("<!doctype html>")
    assert "default-src &#x27;none&#x27;" in text
    assert "https://" not in text[: text.index("<script>")]
