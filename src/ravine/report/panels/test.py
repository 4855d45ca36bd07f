"""What the finished network does on rows it never saw: every score."""

from __future__ import annotations

from ravine.report.html import h, join
from ravine.report.material import Material
from ravine.report.numbers import interval_text, label, plural, value_text
from ravine.report.panel import Panel
from ravine.report.table import Head, table


def panel(material: Material) -> Panel | None:
    """All scores with their intervals."""
    test = material.results.test
    if test is None:
        return None
    rows = [
        [
            join(label(score.name), None if score.higher_is_better else h("small", " lower is better")),
            value_text(score),
            interval_text(score) or "–",
        ]
        for score in test.scores
    ]
    marked = frozenset(place for place, score in enumerate(test.scores) if score.name == test.metric)
    heads = [Head("score"), Head("value", number=True), Head("95% interval", number=True)]
    body = join(
        h("p", f"{plural(test.rows, 'row')}, set apart before anything was fitted and used once.", cls="story"),
        table("Scores on the test part", heads, rows, marked=marked) if rows else None,
    )
    return Panel("test", "On rows it never saw", "Test", body)
