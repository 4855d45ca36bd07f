"""The page in a real browser: wide and narrow, light and dark, on paper."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from ravine.records.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KINDS = ["pictures", "regression", "labels", "partial", "empty", "hostile", "crowded"]
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Contrast after WCAG 2.2: relative luminance of the text against what is painted below it.
CONTRAST = """
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const rgba = (color) => {
    if (!known.has(color)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(color, [r, g, b, a / 255]);
    }
    return known.get(color);
  };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3]));
  const grounds = new Map([[null, [255, 255, 255]]]);
  const ground = (element) => {
    if (!grounds.has(element)) {
      grounds.set(element, over(rgba(getComputedStyle(element).backgroundColor), ground(element.parentElement)));
    }
    return grounds.get(element);
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faults = []; let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || element.closest("script, style, noscript, .skip, caption, #js-plotly-tester")) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const ink = over(rgba(element.closest("svg") ? style.fill : style.color), below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) faults.push([ratio.toFixed(2), element.className, words.slice(0, 40)]);
  }
  return {seen, faults: faults.slice(0, 10)};
}
"""

SHAPE = """
() => ({
  over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  empty: [...document.querySelectorAll(".plot[id]")]
    .filter((place) => place.clientWidth && !place.querySelector("svg .trace, svg .hm image"))
    .map((place) => place.id),
  plots: document.querySelectorAll(".plot").length,
  hacked: "hacked" in window,
  pictures: [...document.images].every((image) => image.complete && image.naturalWidth > 0),
  wide: [...document.querySelectorAll(".plot svg")].some((svg) => svg.getBoundingClientRect().right > innerWidth + 1),
})
"""


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


@pytest.fixture(scope="module")
def pages() -> dict[str, tuple[Page, list[str]]]:
    """Pages opened so far with what they complained about: a page is opened once, for it takes a while."""
    return {}


@pytest.fixture
def open_page(
    browser: Browser, run_of: Callable[[str], RunFolder], pages: dict[str, tuple[Page, list[str]]]
) -> Iterator[Callable[[str], Page]]:
    """The report of a run, wide and light and folded; at the end, fails on any console message or request."""
    used: list[str] = []

    def opened(kind: str) -> Page:
        if kind not in pages:
            complaints: list[str] = []
            page = browser.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: _local(request.url) or complaints.append(request.url))
            page.set_viewport_size({"width": 1400, "height": 900})
            page.emulate_media(color_scheme="light")
            page.goto(run_of(kind).report.as_uri())
            pages[kind] = page, complaints
        page = pages[kind][0]
        page.set_viewport_size({"width": 1400, "height": 900})
        page.emulate_media(color_scheme="light")
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = false))")
        used.append(kind)
        return page

    yield opened
    assert [complaint for kind in used for complaint in pages[kind][1]] == []


def _local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))


def wait_until(page: Page, condition: str) -> None:
    """Playwright's own waiting evaluates strings inside the page, which the page's policy forbids."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {condition}")


def check(page: Page) -> None:
    shape = page.evaluate(SHAPE)
    assert shape["over"] <= 0
    assert shape["empty"] == []
    assert not shape["hacked"]
    assert not shape["wide"]
    assert shape["pictures"]
    contrast = page.evaluate(CONTRAST)
    assert contrast["seen"] > 10
    assert contrast["faults"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_wide_and_narrow_light_and_dark(open_page: Callable[[str], Page], kind: str) -> None:
    page = open_page(kind)
    check(page)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    wait_until(page, "document.getElementById('content').clientWidth < 360")
    wait_until(page, f"!({SHAPE})().wide")  # plots follow the width after a pause of their own
    check(page)


def test_every_plot_of_a_full_report_is_drawn(open_page: Callable[[str], Page]) -> None:
    page = open_page("pictures")
    ids = page.evaluate("[...document.querySelectorAll('.plot')].map((p) => p.id)")
    assert ids == [
        "plot-loss",
        "plot-accuracy",
        "plot-step-lr",
        "plot-epoch-samples-per-second",
        "plot-classes",
        "plot-baselines",
        "plot-calibration",
    ]
    curves = page.evaluate("document.querySelectorAll('#plot-loss .scatterlayer .trace').length")
    assert curves == 4  # by step, training, validation, the best epoch
    bars = page.evaluate("document.querySelectorAll('#plot-classes .barlayer .point').length")
    assert bars == 10


def test_plots_follow_the_scheme_and_the_log_switch_survives_it(open_page: Callable[[str], Page]) -> None:
    page = open_page("pictures")
    stroke = "getComputedStyle(document.querySelector('#plot-loss .xtick text')).fill"
    axis = "document.getElementById('plot-loss').layout.yaxis.type"
    light = page.evaluate(stroke)
    button = page.get_by_role("button", name="log scale")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate(axis) == "log"
    page.emulate_media(color_scheme="dark")
    wait_until(page, f"{stroke} !== {light!r}")
    assert page.evaluate(axis) == "log"
    button.click()
    assert page.evaluate(axis) != "log"


def test_names_in_plots_are_shown_letter_by_letter(open_page: Callable[[str], Page]) -> None:
    page = open_page("hostile")
    labels = page.evaluate("[...document.querySelectorAll('#plot-classes .ytick text')].map((t) => t.textContent)")
    words = [label.strip("\u2068\u2069") for label in labels]
    assert "<script>window.hacked…" in words
    assert "<b>bold</b>" in words
    assert "var(--ink)" in words
    assert "$\\alpha$" in words
    assert page.evaluate("document.querySelectorAll('.plot a, .plot img').length") == 0


def test_on_paper_everything_is_unfolded_and_light(open_page: Callable[[str], Page]) -> None:
    page = open_page("regression")
    page.emulate_media(color_scheme="dark")
    page.evaluate(
        "addEventListener('beforeprint', () => (window.seen = [document.querySelectorAll('details:not([open])').length,"
        " getComputedStyle(document.body).color]))"
    )
    assert len(page.pdf()) > 10_000
    assert page.evaluate("window.seen") == [0, "rgb(26, 32, 36)"]
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0


def test_with_the_keyboard_alone(open_page: Callable[[str], Page]) -> None:
    page = open_page("labels")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('details').open")
