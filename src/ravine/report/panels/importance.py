"""Which columns the network leans on."""

from __future__ import annotations

from typing import Any

from ravine.records.results import Importance, Score
from ravine.report.figure import Figure, axis, color, names_axis, plot_text
from ravine.report.html import data, fold, h, join
from ravine.report.material import Material
from ravine.report.numbers import interval_text, is_share, label, plural, significant, value_text
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_DRAWN = 20
_LISTED = 100


def panel(material: Material) -> Panel | None:
    """A dot and an interval a column, the most important on top."""
    test = material.results.test
    if test is None or not test.importance:
        return None
    ordered = sorted(test.importance, key=lambda entry: -entry.drop)
    top = ordered[:_DRAWN]
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [entry.drop for entry in top],
            "y": list(range(len(top))),
            "marker": {"color": [color("net") if entry.low > 0 else color("base") for entry in top]},
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [max(entry.high - entry.drop, 0) for entry in top],
                "arrayminus": [max(entry.drop - entry.low, 0) for entry in top],
                "color": color("ink"),
                "thickness": 1.2,
                "width": 3,
            },
            "hovertext": [
                f"{plot_text(entry.feature, 60)}<br>{value_text(_score(test.metric, entry))}"
                f"<br>{interval_text(_score(test.metric, entry))}"
                for entry in top
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    ]
    form = {"tickformat": ".2~%"} if is_share(test.metric) else {}
    figure = Figure(
        id="plot-importance",
        title=f"Drop of the test {label(test.metric)} when a column is shuffled",
        alt="Permutation importance: " + ", ".join(f"{entry.feature} {significant(entry.drop)}" for entry in top[:10]),
        traces=traces,
        layout={"xaxis": axis(**form), "yaxis": names_axis([entry.feature for entry in top]), "bargap": 0.4},
        height=70 + 24 * max(len(top), 3),
    )
    rows = [
        [data(entry.feature), value_text(score), interval_text(score)]
        for entry, score in ((entry, _score(test.metric, entry)) for entry in ordered[:_LISTED])
    ]
    heads = [Head("column"), Head("drop", number=True), Head("95% interval", number=True)]
    rest = f" Drawn are {len(top)} of {plural(len(ordered), 'column')}." if len(ordered) > len(top) else ""
    said = "Columns that share what they know hide each other here. Grey: not beyond noise."
    body = join(
        h("p", said + rest, cls="story"),
        figure.to_html(),
        fold("All numbers", table("Permutation importance", heads, rows, total=len(ordered), what="columns")),
    )
    return Panel("importance", "What it leans on", "Importance", body)


def _score(metric: str, entry: Importance) -> Score:
    """A drop as a score, for it is read with the same digits and units."""
    return Score(name=metric, value=entry.drop, low=entry.low, high=entry.high)
