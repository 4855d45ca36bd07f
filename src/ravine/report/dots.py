"""A dot and an interval a name: scores of several things on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ravine.records.results import Score
from ravine.report.figure import Figure, Key, axis, color, names_axis, plot_text
from ravine.report.numbers import interval_text, is_share, value_text

Entry = tuple[str, Score]


def dots(
    entries: Sequence[Entry],
    *,
    name: str,
    metric: str,
    title: str,
    alt: str,
    keys: tuple[Key, ...] = (),
    marked: int | None = 0,
) -> Figure:
    """One line a name, first on top; what is marked has the network's colour.

    Args:
        entries: Names with scores; those without a value are left out before.
        name: Of the figure, unique on the page.
        metric: That the scores are of.
        title: Above the figure.
        alt: What it shows, a sentence; the values are added.
        keys: The legend.
        marked: Place of the entry to set off, None for none.
    """
    colors = [color("net") if place == marked else color("base") for place in range(len(entries))]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [score.low, score.high],
            "y": [place, place],
            "line": {"color": colors[place], "width": 5},
            "opacity": 0.45,
            "hoverinfo": "skip",
        }
        for place, (_, score) in enumerate(entries)
        if score.low is not None and score.high is not None
    ]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [score.value for _, score in entries],
            "y": list(range(len(entries))),
            "marker": {"size": 12, "color": colors, "line": {"width": 2, "color": color("card")}},
            "hovertext": [
                f"{plot_text(name, 60)}<br>{value_text(score)}<br>{interval_text(score)}" for name, score in entries
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    )
    form = {"tickformat": ".2~%"} if is_share(metric) else {}
    said = "; ".join(f"{name}: {value_text(score)}" for name, score in entries)
    return Figure(
        id=name,
        title=title,
        alt=f"{alt} {said}.",
        traces=traces,
        layout={
            "xaxis": axis(zeroline=False, range=_reach(entries), **form),
            "yaxis": names_axis([name for name, _ in entries]),
        },
        keys=keys,
        height=60 + 38 * max(len(entries), 2),
    )


def _reach(entries: Sequence[Entry]) -> list[float]:
    """From the lowest end to the highest, with a little room."""
    ends = [end for _, score in entries for end in (score.low, score.value, score.high) if end is not None] or [0.0]
    room = 0.05 * (max(ends) - min(ends)) or 0.05 * abs(max(ends)) or 1.0
    return [min(ends) - room, max(ends) + room]
