"""What was read: how much, how balanced, what the columns hold, what the pictures look like."""

from __future__ import annotations

from typing import Any

from ravine.records.results import Column, DataSection, Picture
from ravine.report.figure import Figure, axis, color, names_axis, plot_text
from ravine.report.html import NOTHING, Html, data, fold, h, join, picture
from ravine.report.material import Material
from ravine.report.numbers import NONE, count, percent, plural, significant
from ravine.report.panel import Panel
from ravine.report.table import Head, pairs, table

_MOST_BARS = 30
_MOST_COLUMNS = 60
_MOST_PICTURES = 30
_PICTURE_BYTES = 400_000


def panel(material: Material) -> Panel | None:
    """Facts, the target, the columns, some pictures."""
    read = material.results.data
    if read is None:
        return None
    target = _balance(read) if read.classes else _histogram(read)
    body = join(
        h("div", pairs("The data", _facts(read)), target.to_html() if target else None, cls="side"),
        _rare(read),
        _pictures(read.pictures),
        _columns(read.columns),
    )
    return Panel("data", "The data", "Data", body)


def _facts(read: DataSection) -> list[tuple[str, str]]:
    why = f" ({read.task_reason})" if read.task_reason else ""
    entries = [
        ("read from", data(read.origin)),
        ("form", read.form + (f", {read.shape}" if read.shape else "")),
        ("rows", count(read.rows)),
        ("task", f"{read.task}{why}"),
        ("target", data(read.target)),
    ]
    if read.columns:
        entries.append(("columns", count(len(read.columns))))
    if read.classes:
        entries.append(("classes", count(len(read.classes))))
    counted = [number for number in read.class_counts if number]
    if len(counted) > 1:
        share = f"{count(min(counted))} to {count(max(counted))} rows"
        entries.append(("rows a class", share))
    return entries


def _whole(read: DataSection) -> int:
    """What a share of a class is a share of: a row may carry several labels, but only one class."""
    return (read.rows if read.task == "multi-label" else sum(read.class_counts)) or 1


def _by_size(read: DataSection) -> list[tuple[str, int]]:
    return sorted(zip(read.classes, read.class_counts, strict=False), key=lambda entry: -entry[1])


def _balance(read: DataSection) -> Figure | None:
    if not read.class_counts:
        return None
    ordered = list(zip(read.classes, read.class_counts, strict=False))
    if len(ordered) > _MOST_BARS:
        return _ranks(read)
    names, counts = [name for name, _ in ordered], [number for _, number in ordered]
    whole = _whole(read)
    hover = [
        f"{plot_text(name, 60)}<br>{count(number)} rows, {percent(number / whole)}"
        for name, number in zip(names, counts, strict=True)
    ]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": counts,
        "y": list(range(len(names))),
        "marker": {"color": color("net")},
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    return Figure(
        id="plot-classes",
        title="Rows a class",
        alt=f"Rows of each of {len(names)} classes: "
        + ", ".join(f"{name} {count(number)}" for name, number in ordered[:_MOST_BARS]),
        traces=[trace],
        layout={"xaxis": axis("rows", rangemode="tozero"), "yaxis": names_axis(names), "bargap": 0.35},
        height=70 + 24 * max(len(names), 4),
    )


def _ranks(read: DataSection) -> Figure:
    counts = [number for _, number in _by_size(read)]
    trace = {
        "type": "scatter",
        "mode": "lines",
        "fill": "tozeroy",
        "x": list(range(1, len(counts) + 1)),
        "y": counts,
        "line": {"color": color("net"), "width": 2},
        "fillcolor": color("net-band"),
        "hovertext": [plot_text(name, 60) for name, _ in _by_size(read)],
        "hovertemplate": "%{hovertext}<br>%{y} rows<extra></extra>",
    }
    return Figure(
        id="plot-classes",
        title="Rows a class, from the largest",
        alt=f"Rows of each of {count(len(counts))} classes, from {count(counts[0])} down to {count(counts[-1])}.",
        traces=[trace],
        layout={
            "xaxis": axis("rank of the class", zeroline=False),
            "yaxis": axis("rows", rangemode="tozero"),
        },
    )


def _rare(read: DataSection) -> Html:
    """The ends of a long list of classes."""
    ordered = _by_size(read)
    if len(ordered) <= _MOST_BARS:
        return NOTHING
    ends = [*ordered[:5], *ordered[-5:]]
    rows = [[data(name), count(number), percent(number / _whole(read), 2)] for name, number in ends]
    heads = [Head("class"), Head("rows", number=True), Head("share", number=True)]
    return table("The five largest and the five smallest classes", heads, rows, total=len(ordered), what="classes")


def _histogram(read: DataSection) -> Figure | None:
    bins = read.target_histogram
    if not bins:
        return None
    trace: dict[str, Any] = {
        "type": "bar",
        "x": [(left + right) / 2 for left, right, _ in bins],
        "width": [(right - left) * 0.96 for left, right, _ in bins],
        "y": [number for *_, number in bins],
        "marker": {"color": color("net")},
        "hovertext": [
            f"{significant(left)} to {significant(right)}<br>{plural(number, 'row')}" for left, right, number in bins
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    low, high = bins[0][0], bins[-1][1]
    peak = max(bins, key=lambda entry: entry[2])
    return Figure(
        id="plot-target",
        title="The target",
        alt=f"Histogram of the target {read.target} from {significant(low)} to {significant(high)}; most rows lie"
        f" between {significant(peak[0])} and {significant(peak[1])}.",
        traces=[trace],
        layout={"xaxis": axis(plot_text(read.target, 40), zeroline=False), "yaxis": axis("rows")},
    )


def _pictures(pictures: list[Picture]) -> Html | None:
    shown: list[Picture] = []
    weight = 0
    for entry in pictures[:_MOST_PICTURES]:
        weight += len(entry.image)
        if weight > _PICTURE_BYTES:
            break
        shown.append(entry)
    if not shown:
        return None
    cards = (
        h("figure", picture(entry.image, f"a sample of {entry.label}"), h("figcaption", data(entry.label)), cls="thumb")
        for entry in shown
    )
    return join(h("h3", "Samples"), h("div", *cards, cls="gallery"))


def _columns(columns: list[Column]) -> Html | None:
    if not columns:
        return None
    heads = [
        Head("column"),
        Head("type"),
        Head("missing", number=True),
        Head("distinct", number=True),
        Head("mean", number=True),
        Head("std", number=True),
        Head("lowest", number=True),
        Head("highest", number=True),
        Head("commonest"),
    ]
    if not any(column.top for column in columns[:_MOST_COLUMNS]):
        heads.pop()
    rows = [_column(column)[: len(heads)] for column in columns[:_MOST_COLUMNS]]
    listed = table("Columns, summed up over the training rows", heads, rows, total=len(columns), what="columns")
    if len(columns) > 12:
        return fold(f"{plural(len(columns), 'column')}", listed)
    return join(h("h3", "Columns"), listed)


def _column(column: Column) -> list[str]:
    top = join(
        *(
            h("span", data(name, 30), " ", h("small", count(number)), cls="value-count") + " "
            for name, number in column.top[:3]
        )
    )
    return [
        data(column.name),
        column.type,
        count(column.missing) if column.missing else NONE,
        count(column.distinct),
        significant(column.mean),
        significant(column.std),
        significant(column.low),
        significant(column.high),
        top or NONE,
    ]
