"""A race as an interactive page in one file, which needs neither a server nor the internet."""

from __future__ import annotations

import math
from typing import Any

from ravine.core import ink
from ravine.core.version import VERSION
from ravine.landscape.framing import Frame, framed
from ravine.landscape.race import Lane, Race
from ravine.landscape.shading import BANDS, bands, contours, losses
from ravine.report.document import asset, document
from ravine.report.figure import axis, color, common, plot_text
from ravine.report.html import Html, h, join, json_script

_GRID = (200, 140)  # points at which the surface is sent to the page
_DIGITS = 5  # significant, of every coordinate sent
_MOST_BEADS = 400  # steps; beyond that single steps are not marked
_FAR = 1e6  # windows away: a browser cannot draw numbers of any size


def page(race: Race) -> str:
    """The whole page as text."""
    title = _title(race)
    style = asset("ravine.report", "page.css") + asset("ravine.landscape", "race.css")
    content = h("main", _hero(race, title), *_panels(race), _foot(), id="content", cls="race")
    return document(f"{title}: a race", content, style=style, script=asset("ravine.landscape", "race.js"))


def _hero(race: Race, title: str) -> Html:
    x, y = race.start
    rates = f"each at the best of {race.searched} learning rates" if race.searched else "at learning rates as given"
    told = f"{len(race.lanes)} optimizers, {race.steps} steps from ({x:g}, {y:g}), {rates}, without noise."
    return h(
        "header",
        h("p", "A race of optimizers", cls="eyebrow"),
        h("h1", title),
        h("p", race.surface.about, cls="lede"),
        h("p", h("code", f"f(x, y) = {race.surface.formula}")),
        h("p", told, cls="story"),
        cls="hero",
    )


def _panels(race: Race) -> list[Html]:
    frame = framed(race)
    shown = [_lane(lane, frame) for lane in race.lanes]
    spec = {"map": _map(race, frame), "loss": _loss(race, frame), "lanes": shown, "steps": race.steps}
    controls = h(
        "div",
        h("button", "Play", type="button", id="play", cls="switch"),
        h("input", type="range", id="step", min="0", max=race.steps, value=race.steps, aria_label="Step"),
        h("output", f"step {race.steps} of {race.steps}", id="step-words", for_="step"),
        cls="controls",
        hidden=True,
    )
    paths = h(
        "section",
        h("h2", "The paths"),
        h("div", id="map", cls="plot map", role="img", aria_label=_paths_told(race)),
        controls,
        h("noscript", h("p", "The drawings need JavaScript; the table does not.", cls="partial")),
        json_script(spec, id="race"),
        cls="panel",
    )
    table = h("section", h("h2", "Who got there"), _table(race), cls="panel")
    curves = h(
        "section",
        h("h2", "Loss above the lowest minimum"),
        h("div", id="loss", cls="plot loss", role="img", aria_label="Loss above the lowest minimum, step by step."),
        cls="panel",
    )
    return [paths, h("div", table, curves, cls="side")]


def _map(race: Race, frame: Frame) -> dict[str, Any]:
    """The surface as plotly traces that stay, and the layout."""
    left, right, bottom, top = frame.window
    columns, rows = _GRID
    # plotly wants the lowest row first
    heights = bands(losses(race.surface, frame.window, columns, rows)[::-1], contours(race.surface, frame.window))
    ground = {
        "type": "contour",
        "x": [_short(left + (place + 0.5) * (right - left) / columns) for place in range(columns)],
        "y": [_short(bottom + (place + 0.5) * (top - bottom) / rows) for place in range(rows)],
        "z": [[round(value, 3) for value in row] for row in heights.tolist()],
        "colorscale": [[0, color("map-low")], [1, color("map-high")]],
        "contours": {"start": 0, "end": BANDS, "size": 1, "coloring": "fill"},
        "line": {"color": color("map-line"), "width": 0.8},
        "showscale": False,
        "hoverinfo": "skip",
    }
    minima = _marks([list(point) for point in race.surface.minima], "cross-thin", 11, "lowest minimum")
    start = _marks([list(race.start)], "circle", 11, "start")
    ends: dict[str, Any] = {"showgrid": False, "zeroline": False, "automargin": False}
    layout = {
        **common(),
        "margin": {"l": 38, "r": 8, "t": 6, "b": 26},  # the style sheet makes room for these beside ten to seven
        "xaxis": axis(range=[left, right], **ends),
        "yaxis": axis(range=[bottom, top], **ends),
    }
    return {"ground": [ground, minima], "start": start, "layout": layout}


def _loss(race: Race, frame: Frame) -> dict[str, Any]:
    low, high = frame.reach
    goal = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": frame.goal,
        "y1": frame.goal,
        "line": {"color": color("soft"), "width": 1, "dash": "dash"},
    }
    layout = {
        **common(),
        "xaxis": axis("step", range=[0, race.steps], zeroline=False),
        "yaxis": axis(type="log", range=[low, high], exponentformat="power", zeroline=False),
        "shapes": [goal] if frame.goal > 0 else [],
    }
    return {"layout": layout}


def _lane(lane: Lane, frame: Frame) -> dict[str, Any]:
    floor, ceiling = 10.0 ** frame.reach[0], 10.0 ** (frame.reach[1] + 6)
    far = _FAR * (frame.window[1] - frame.window[0])
    places = [(x, y) if max(abs(x), abs(y)) < far else (None, None) for x, y in lane.points.tolist()]
    return {
        "name": plot_text(lane.label),
        "x": [_short(x) for x, _ in places],
        "y": [_short(y) for _, y in places],
        "gap": [_short(min(max(gap, floor), ceiling)) if math.isfinite(gap) else None for gap in frame.gaps(lane)],
        "beads": frame.steps <= _MOST_BEADS,
    }


def _table(race: Race) -> Html:
    heads = ("optimizer", "rate", "there at step", "loss at end")
    head = h("tr", *(h("th", words, scope="col", cls="n" if place else None) for place, words in enumerate(heads)))
    body = []
    for place, lane in enumerate(race.lanes):
        dash = "dash" if ink.stroke(place).dashed else "line"
        swatch = h("i", cls=f"key-{dash}", style=f"--key:var(--lane-{place % len(ink.LANES)})", aria_hidden="true")
        box = h("input", type="checkbox", checked=True, data_lane=place)
        cells = (
            f"{lane.lr:g}",
            "never" if lane.reached is None else str(lane.reached),
            f"{lane.loss:.2g}" if math.isfinite(lane.loss) else "diverged",
        )
        name = h("th", h("label", box, swatch, h("span", lane.label), cls="lane"), scope="row")
        body.append(h("tr", name, *(h("td", cell, cls="n") for cell in cells)))
    whole = h("table", h("caption", "Who got there"), h("thead", head), h("tbody", *body))
    told = (
        f"There is a loss of {ink.spelled(race.target)} or less, {race.tolerance:g} of the start's height above the "
        "lowest minimum, to the end of the race."
    )
    box = h("div", whole, cls="scroll", role="region", aria_label="Who got there", tabindex="0")
    return join(box, h("p", told, cls="left-out"))


def _paths_told(race: Race) -> str:
    there = [f"{lane.label} in {lane.reached} steps" for lane in race.lanes if lane.reached is not None]
    return f"Paths over the surface. Reached the lowest minimum: {', '.join(there) or 'none'}."


def _marks(points: list[list[float]], symbol: str, size: int, words: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "marker": {
            "symbol": symbol,
            "size": size,
            "color": color("map-ink"),
            "line": {"color": color("map-ink"), "width": 2.5},
        },
        "hovertemplate": f"{words}<br>%{{x:.4g}}, %{{y:.4g}}<extra></extra>",
    }


def _foot() -> Html:
    return h("footer", h("p", f"Made by Ravine {VERSION}."))


def _title(race: Race) -> str:
    name = race.surface.name.replace("-", " ")
    return name[:1].upper() + name[1:]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
