"""Simple methods beside the network, on the same rows."""

from __future__ import annotations

from typing import Any

from ravine.records.results import Score
from ravine.report.figure import Figure, Key, axis, color, names_axis, plot_text
from ravine.report.html import data, join
from ravine.report.material import Material
from ravine.report.numbers import duration, interval_text, is_share, label, value_text
from ravine.report.panel import Panel
from ravine.report.table import Head, table
from ravine.report.verdict import rivals


def panel(material: Material) -> Panel | None:
    """A dot and an interval for each, the network on top; and all their scores."""
    section = material.results.baselines
    if section is None or not section.baselines:
        return None
    entries = [(rival.name, rival.score) for rival in rivals(material)]
    network = material.score
    with_network = network is not None and network.value is not None and network.name == section.metric
    if with_network and network is not None:
        entries.insert(0, ("the network", network))
    names = list(dict.fromkeys(score.name for baseline in section.baselines for score in baseline.scores))
    heads = [Head("method"), *(Head(label(name), number=True) for name in names), Head("time", number=True)]
    rows: list[list[str]] = []
    if material.results.test and material.results.test.scores:
        train = material.results.train
        rows.append(_row("the network", material.results.test.scores, names, duration(train.seconds) if train else "–"))
    ranks = {rival.name: rank for rank, rival in enumerate(rivals(material))}
    ordered = sorted(section.baselines, key=lambda entry: ranks.get(entry.name, len(ranks)))
    rows += [_row(entry.name, entry.scores, names, duration(entry.seconds)) for entry in ordered]
    figure = _dots(entries, section.metric, with_network) if entries else None
    marked = frozenset({0}) if len(rows) > len(section.baselines) else frozenset[int]()
    body = join(
        figure.to_html() if figure else None,
        table("Scores of the network and of simple methods on the test part", heads, rows, marked=marked),
    )
    return Panel("baselines", "Was the network worth it?", "Baselines", body)


def _row(name: str, scores: list[Score], names: list[str], time: str) -> list[str]:
    found = {score.name: score for score in scores}
    return [data(name), *(value_text(found[metric]) if metric in found else "–" for metric in names), time]


def _dots(entries: list[tuple[str, Score]], metric: str, with_network: bool) -> Figure:
    values = [score.value for _, score in entries]
    colors = [color("net") if with_network and place == 0 else color("base") for place in range(len(entries))]
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
            "x": values,
            "y": list(range(len(entries))),
            "marker": {"size": 12, "color": colors, "line": {"width": 2, "color": color("card")}},
            "hovertext": [
                f"{plot_text(name, 60)}<br>{value_text(score)}<br>{interval_text(score)}" for name, score in entries
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    )
    said = "; ".join(f"{name}: {value_text(score)}" for name, score in entries)
    ends = [end for _, score in entries for end in (score.low, score.value, score.high) if end is not None]
    room = 0.05 * (max(ends) - min(ends)) or 0.05 * abs(max(ends)) or 1.0
    reach = [min(ends) - room, max(ends) + room]
    form = {"tickformat": ".2~%"} if is_share(metric) else {}
    return Figure(
        id="plot-baselines",
        title=f"Test {label(metric)}, with 95% intervals",
        alt=f"Test {label(metric)} of each method. {said}.",
        traces=traces,
        layout={"xaxis": axis(zeroline=False, range=reach, **form), "yaxis": names_axis([name for name, _ in entries])},
        keys=(Key("network", "net", "dot"), Key("without a network", "base", "dot")) if with_network else (),
        height=60 + 38 * max(len(entries), 2),
    )
