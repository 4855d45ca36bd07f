"""Simple methods beside the network, on the same rows."""

from __future__ import annotations

from ravine.records.results import Score
from ravine.report.dots import dots
from ravine.report.figure import Figure, Key
from ravine.report.html import data, join
from ravine.report.material import Material
from ravine.report.numbers import duration, label, value_text
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
    return dots(
        entries,
        name="plot-baselines",
        metric=metric,
        title=f"Test {label(metric)}, with 95% intervals",
        alt=f"Test {label(metric)} of each method.",
        keys=(Key("network", "net", "dot"), Key("without a network", "base", "dot")) if with_network else (),
        marked=0 if with_network else None,
    )
