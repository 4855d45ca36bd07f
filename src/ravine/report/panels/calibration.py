"""Whether a probability of 0.8 comes true eight times in ten."""

from __future__ import annotations

import math

from ravine.report.figure import Figure, Key, axis, color
from ravine.report.html import h, join
from ravine.report.material import Material
from ravine.report.numbers import count, percent
from ravine.report.panel import Panel
from ravine.report.table import Head, table


def panel(material: Material) -> Panel | None:
    """The reliability diagram beside its numbers."""
    test = material.results.test
    if test is None or test.calibration is None or not test.calibration.bins:
        return None
    bins = [entry for entry in test.calibration.bins if entry.count]
    if not bins:
        return None
    error = test.calibration.expected_error
    rows = [
        [percent(entry.confidence), percent(entry.accuracy), count(entry.count)]
        for entry in sorted(bins, key=lambda entry: entry.confidence)
    ]
    heads = [Head("said", number=True), Head("came true", number=True), Head("rows", number=True)]
    most = max(entry.count for entry in bins)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [0, 1],
            "y": [0, 1],
            "line": {"color": color("base"), "width": 1.5, "dash": "dash"},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": [entry.confidence for entry in bins],
            "y": [entry.accuracy for entry in bins],
            "line": {"color": color("net"), "width": 1.5},
            "marker": {
                "color": color("net"),
                "size": [6 + 16 * math.sqrt(entry.count / most) for entry in bins],
                "opacity": 1,
                "line": {"width": 1.5, "color": color("card")},
            },
            "hovertext": [
                f"said {percent(entry.confidence)}<br>came true {percent(entry.accuracy)}<br>{count(entry.count)} rows"
                for entry in bins
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        },
    ]
    figure = Figure(
        id="plot-calibration",
        title="Probability said and share that came true",
        alt=f"Reliability diagram; expected calibration error {percent(error)}.",
        traces=traces,
        layout={
            "xaxis": axis("probability said", range=[0, 1.02], tickformat=".0%", zeroline=False),
            "yaxis": axis("share right", range=[0, 1.04], tickformat=".0%", zeroline=False),
        },
        keys=(Key("a bin, by its rows", "net", "dot"), Key("perfect", "base", "dash")),
        height=320,
    )
    said = f"On average the probability is off by {percent(error)} (expected calibration error)."
    body = join(
        h("p", said, cls="story"),
        h(
            "div",
            figure.to_html(),
            table("Probabilities and how often they came true", heads, rows),
            cls="side wide-first",
        ),
    )
    return Panel("calibration", "Can its probabilities be believed?", "Calibration", body)
